"""What the doctor found, as text for a person and as plain values for a program."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from datamodules.doctor.balance import LabelCount
from datamodules.doctor.examination import Examination
from datamodules.problems import ADVICE, TITLES, Kind, Problem, Severity
from datamodules.splits import EXCLUDED, SIDES

FORMAT = 1
SHOWN = 20
"""Problems of a kind that are listed, unless all are asked for."""
CLEAN, ONLY_WARNINGS, ERRORS = 0, 4, 5
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "notice")


def exit_code(found: Examination) -> int:
    """0: clean; 4: warnings only; 5: errors. Notices do not count."""
    if found.by_kind("error"):
        return ERRORS
    return ONLY_WARNINGS if found.by_kind("warning") else CLEAN


def as_facts(found: Examination, experiment: str) -> dict[str, Any]:
    """Everything that was found, as JSON values; paths are relative to the dataset's root."""
    table = found.table
    return {
        "format": FORMAT,
        "experiment": experiment,
        "dataset": table.name if table else None,
        "cases": len(table.cases) if table else 0,
        "images_read": None if found.images is None else len(found.images),
        "exit_code": exit_code(found),
        "counts": {
            severity: {str(kind): len(each) for kind, each in found.by_kind(severity).items()}
            for severity in SEVERITIES
        },
        "problems": [asdict(problem) for problem in found.problems],
        "splits": dict(Counter(found.splits.values())),
        "labels": [asdict(count) for count in found.counts],
    }


def as_text(found: Examination, experiment: str, shown: int | None = SHOWN) -> str:
    """The report: problems by kind, counts, and what to do.

    Args:
        found: What was found.
        experiment: Its name, for a dataset that could not be read at all.
        shown: Problems listed of each kind; None: all.
    """
    blocks = [_heading(found, experiment)]
    for severity in SEVERITIES:
        for kind, problems in found.by_kind(severity).items():
            blocks.append("\n".join(_listed(severity, kind, problems, shown)))
    if found.splits:
        blocks.append("\n".join(_aligned(_table(found.splits, found.counts))))
    return "\n\n".join([*blocks, _verdict(found)])


def _heading(found: Examination, experiment: str) -> str:
    if found.table is None:
        return f"{experiment}: no case could be read"
    patients = {case.patient_id for case in found.table.cases}
    of_patients = f" of {len(patients):,} patients" if found.table.has_patients else ""
    images = "images were not opened"
    if found.images is not None:
        images = f"{len(found.images):,} images read to their end"
    return f"{found.table.name}: {len(found.table.cases):,} cases{of_patients}; {images}"


def _listed(
    severity: Severity, kind: Kind, problems: Sequence[Problem], shown: int | None
) -> Iterator[str]:
    yield f"{severity}: {TITLES[kind]}: {len(problems)}" if kind is not Kind.NOTE else "notes"
    yield from (f"  - {problem}" for problem in problems[:shown])
    if shown is not None and len(problems) > shown:
        yield f"  ... and {len(problems) - shown} more (--all lists them)"
    if kind in ADVICE:
        yield f"  -> {ADVICE[kind]}"


def _table(splits: Mapping[str, str], counts: Sequence[LabelCount]) -> Iterator[tuple[str, ...]]:
    sizes = Counter(splits.values())
    sides = [side for side in SIDES if sizes[side]]
    excluded = f"excluded {sizes[EXCLUDED]:,}" if sizes[EXCLUDED] else ""
    yield ("", *sides)
    yield ("cases", *(f"{sizes[side]:,}" for side in sides), excluded)
    cells = {(count.label, count.split): _cell(count) for count in counts}
    for label in dict.fromkeys(count.label for count in counts):
        yield (label, *(cells.get((label, side), "") for side in sides))
    if counts:
        yield ("(positive : negative, and the factor between the rarer and the more frequent)",)


def _cell(count: LabelCount) -> str:
    factor = "" if count.factor is None else f"  x{count.factor:.3g}"
    return f"{count.positive:,} : {count.negative:,}{factor}"


def _aligned(rows: Iterator[tuple[str, ...]]) -> Iterator[str]:
    """Columns as wide as their widest cell; a row of a single cell is a remark."""
    table = list(rows)
    cells = [row for row in table if len(row) > 1]
    widths = [
        max(len(row[at]) for row in cells if at < len(row))
        for at in range(max(len(row) for row in cells))
    ]
    for row in table:
        padded = (cell.ljust(width) for cell, width in zip(row, widths, strict=False))
        yield (row[0] if len(row) == 1 else "   ".join(padded)).rstrip()


def _verdict(found: Examination) -> str:
    errors, warnings = (
        sum(len(problems) for problems in found.by_kind(severity).values())
        for severity in ("error", "warning")
    )
    opened = found.images is not None or found.table is None
    seen = "" if opened else " in what can be seen without opening the images"
    counted = f"{_count(errors, 'error')} and {_count(warnings, 'warning')}{seen}"
    if errors:
        return f"{counted}: a run refuses this dataset until the errors are mended"
    if warnings:
        return f"{counted}: a run goes on; look at the warnings before you believe its figures"
    return f"nothing is wrong{seen}"


def _count(number: int, noun: str) -> str:
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"
