"""Rows of the folds of a cross-validation, pooled: each case once, scored by who never saw it."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from datamodules.errors import DataError
from datamodules.splits import CLOSED, EXCLUDED
from datamodules.splits_file import read_splits
from experiments.rows_file import read_rows
from experiments.run_folder import RunFolder
from lightning_modules.base import Row, TaskModule


def pooled_rows(folds: Sequence[RunFolder], module: TaskModule) -> list[Row]:
    """Rows of what each fold held out, with the decisions of its own operating point.

    Args:
        folds: Finished.
        module: Of the task that they trained.

    Raises:
        DataError: If a case was held out twice.
    """
    pooled: dict[str, Row] = {}
    for run in folds:
        operating_point = run.metrics()["operating_point"]
        rows = read_rows(run.rows / "test.json")
        twice = [row["case_id"] for row in rows if row["case_id"] in pooled]
        if twice:
            raise DataError(f"fold {run.name} holds out what another fold has held out", twice)
        pooled |= {row["case_id"]: module.decided_row(row, operating_point) for row in rows}
    return [pooled[case_id] for case_id in sorted(pooled)]


def pooled_predictions(folds: Sequence[RunFolder]) -> Iterator[dict[str, Any]]:
    """The prediction tables of what was held out, with the fold in which it was."""
    for run in folds:
        with (run.predictions / "test.csv").open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                yield {**row, "fold": run.path.name}


def check_folds(folds: Sequence[RunFolder], *, complete: bool) -> None:
    """Look whether the folds are a division of one dataset, patient by patient.

    Args:
        folds: Finished.
        complete: There are no others, so that every case has been held out.

    Raises:
        DataError: If the dataset changed between them, so that a case is held out twice or never.
    """
    held_out: dict[str, list[str]] = {}
    seen: list[Mapping[str, str]] = []
    for run in folds:
        sides = read_splits(run.splits_file)  # refuses a patient on two sides
        seen.append(_patients(run))
        for case_id, side in sides.items():
            if side not in (CLOSED, EXCLUDED):
                held_out.setdefault(case_id, [])
            if side == "test":
                held_out[case_id].append(run.path.name)
    problems = [
        f"case '{case_id}' is held out by {' and '.join(names) or 'no fold'}"
        for case_id, names in held_out.items()
        if len(names) > 1 or (complete and not names)
    ]
    if problems or any(each != seen[0] for each in seen[1:]):
        raise DataError(
            "the folds do not fit together: cases came, went, or changed their patient between"
            " them; start the cross-validation anew",
            problems,
        )


def _patients(run: RunFolder) -> Mapping[str, str]:
    with run.splits_file.open(newline="", encoding="utf-8") as file:
        return {row["case_id"]: row["patient_id"] for row in csv.DictReader(file)}
