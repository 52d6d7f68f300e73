"""Columns of a table with how long each patient was followed up, and whether an event happened."""

import math
from contextlib import suppress
from typing import Any

from datamodules.problems import Kind
from datamodules.readers.csv_inputs import AddProblem
from datamodules.readers.tables import Table, is_missing, plain_number

HAPPENED = {"1": True, "true": True, "0": False, "false": False}
FollowUp = dict[str, Any]
"""``time`` (float, in the table's unit) and ``event`` (bool); empty: it cannot be used."""


def without_labels(values: object) -> object:
    """Settings of a reader, with no label column where a time column is named and none of labels.

    Raises:
        ValueError: If one of the two columns is named without the other.
    """
    if not isinstance(values, dict):
        return values
    times = [values.get(name) for name in ("time_column", "event_column")]
    if any(times) and not all(times):
        raise ValueError("time_column and event_column are named together, or neither of them")
    if all(times) and "label_columns" not in values:
        return {**values, "label_columns": ()}
    return values


def read_follow_up(table: Table, time: str, event: str, add: AddProblem) -> list[FollowUp]:
    """Read both columns.

    Args:
        table: The table.
        time: Column with the time until the event or the end of follow-up, 0 or more.
        event: Column with 1 or true where the event happened, 0 or false where it did not.
        add: Told of each cell that cannot be used.

    Returns:
        The follow-up of each row.
    """
    rows: list[FollowUp] = []
    for at, (length, happened) in enumerate(
        zip(table.cells(time), table.cells(event), strict=True)
    ):
        word = plain_number(happened).lower()
        if fault := _fault_of_time(length):
            add(Kind.LABEL, at, f"column '{time}' {fault}")
        if word not in HAPPENED:
            said = "is empty" if is_missing(happened) else f"is '{happened}'"
            add(Kind.LABEL, at, f"column '{event}' {said}; 1 or true: it happened, 0 or false: not")
        sound = fault is None and word in HAPPENED
        rows.append({"time": float(length), "event": HAPPENED[word]} if sound else {})
    return rows


def _fault_of_time(cell: str) -> str | None:
    if is_missing(cell):
        return "is empty; give the time of follow-up or remove the row"
    with suppress(ValueError):
        value = float(cell)
        if math.isfinite(value):
            return f"is {cell}, and no time is negative" if value < 0 else None
    return f"is '{cell}', not a number"
