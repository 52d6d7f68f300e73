"""The doctor for slides of patients who were followed up."""

from collections.abc import Mapping, Sequence

from datamodules.cases import Case, CaseTable
from datamodules.configs.slide_survival import SurvivalSlidesConfig
from datamodules.doctor.balance import LabelCount
from datamodules.doctor.examination import Examination, begin, examine_sides
from datamodules.doctor.slides import look_at_slides, read_slides
from datamodules.problems import Kind, Problem, Severity
from datamodules.splits import SIDES
from datamodules.table_features import fit_columns


def examine_survival(
    config: SurvivalSlidesConfig, table: CaseTable | None = None, *, pixels: bool
) -> Examination:
    """Look at everything that a run on them would read.

    Args:
        config: Says what is read, and what is made of it.
        table: The cases, where they have been read without a fault.
        pixels: Open every slide or file of features. Off: only what needs no file.

    Raises:
        ConfigError: If the settings do not fit together, or not to the dataset.
    """
    found = begin(read_slides(config, table))
    if found.table is None:
        return found
    if not any("time" in case.targets for case in found.table.cases):
        found.problems += [Problem(Kind.LABEL, "", nobody_followed(found.table))]
    fit_columns(config.table_features, found.table.cases)
    if pixels:
        look_at_slides(config, found)
    examine_sides(found, found.table, config)
    if found.splits:
        by_side = _by_side(found.table, found.splits)
        found.counts = [_count(side, cases) for side, cases in by_side.items() if cases]
        found.problems += _lacking(by_side)
    return found


def nobody_followed(table: CaseTable) -> str:
    """What is said of a table without follow-up."""
    return (
        f"{table.name} does not say how long patients were followed up, and what happened: name the"
        " columns with --data.reader.time-column and --data.reader.event-column"
    )


def _by_side(table: CaseTable, splits: Mapping[str, str]) -> dict[str, list[Case]]:
    followed = [case for case in table.cases if "time" in case.targets]
    return {side: [c for c in followed if splits.get(c.case_id) == side] for side in SIDES}


def _count(side: str, cases: Sequence[Case]) -> LabelCount:
    events = sum(case.targets["event"] for case in cases)
    fewer, more = sorted((events, len(cases) - events))
    return LabelCount("event", side, events, len(cases) - events, more / fewer if fewer else None)


def _lacking(by_side: Mapping[str, Sequence[Case]]) -> list[Problem]:
    empty = [side for side in ("train", "val") if not by_side[side]]
    if empty:
        lost = f"no case that was followed up is left for {' and '.join(empty)}; check the splits"
        return [Problem(Kind.IMBALANCE, "", lost)]
    problems = []
    for side, cases in by_side.items():
        if cases and not any(case.targets["event"] for case in cases):
            severity: Severity = "error" if side == "train" else "warning"
            message = f"the event happened to no case in {side}"
            problems.append(Problem(Kind.IMBALANCE, "", message, severity))
    return problems
