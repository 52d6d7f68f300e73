"""Cases whose headers do not count: which are named, and what a report says of them."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from difflib import get_close_matches

from datamodules.cases import CaseTable

SETTING = "data.geometry_waivers"
HOW_TO_WAIVE = f"if only a header is wrong and the voxels fit, name the case in {SETTING}"


def waive(table: CaseTable, names: Collection[str]) -> tuple[CaseTable, list[str]]:
    """Mark the cases that are named.

    Returns:
        The table, and what is wrong with the names that are no case's.
    """
    there = {case.case_id for case in table.cases}
    unknown = [_unknown(name, table.name, there) for name in names if name not in there]
    cases = (
        replace(case, geometry_waived=True) if case.case_id in names else case
        for case in table.cases
    )
    return replace(table, cases=tuple(cases)), unknown


def waiver_notices(apart_mm: Mapping[str, float]) -> list[str]:
    """What a report says of the waived cases, given how far apart headers put their files."""
    used = [f"'{name}' by {mm:.4g} mm" for name, mm in sorted(apart_mm.items()) if mm > 0]
    idle = [f"'{name}'" for name, mm in sorted(apart_mm.items()) if mm == 0]
    notices = []
    if used:
        notices.append(
            "Files of a case are taken to lie on one grid although their headers differ"
            f" ({SETTING}): {', '.join(used)}."
        )
    if idle:
        notices.append(
            f"Named in {SETTING} without need, as their headers agree: {', '.join(idle)}."
        )
    return notices


def waiver_note(apart_mm: float) -> str:
    """What `check` says of one waived case."""
    if apart_mm == 0:
        return f"its headers agree, and it needs no waiver; take it out of {SETTING}"
    return (
        f"its files are taken to lie on one grid although their headers differ by {apart_mm:.4g} mm"
        f" ({SETTING})"
    )


def _unknown(name: str, dataset: str, there: Collection[str]) -> str:
    near = get_close_matches(name, there, n=1)
    hint = f"; did you mean '{near[0]}'?" if near else ""
    return f"{SETTING}: {dataset} has no case '{name}'{hint}"
