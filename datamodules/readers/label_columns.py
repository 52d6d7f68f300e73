"""Label columns of a table: one exclusive class a row, or findings that each hold or not."""

import math
import unicodedata
from collections.abc import Callable, Sequence
from contextlib import suppress
from difflib import get_close_matches
from typing import Literal

from datamodules.errors import DataError
from datamodules.problems import Kind, Problem, Problems
from datamodules.readers.tables import Table, is_missing, plain_number

Uncertain = Literal["error", "missing", "negative", "positive"]
Where = Callable[[int], str]

_HOLDS = ("1", "true", "yes", "y", "pos", "positive")
_HOLDS_NOT = ("0", "false", "no", "n", "neg", "negative")
_KNOWN: dict[str, float] = dict.fromkeys(_HOLDS, 1.0) | dict.fromkeys(_HOLDS_NOT, 0.0)
_UNCERTAIN: dict[str, float | None] = {"missing": None, "negative": 0.0, "positive": 1.0}
_NEGATIVE_WORDS = frozenset(
    ("normal", "no", "negative", "healthy", "benign", "control", "none", "false", "absent")
)

_UNCERTAIN_CLASS = (
    "is -1 (uncertain) beside 0; say what that means with --data.reader.multi-label and "
    "--data.reader.uncertain, or name all the classes with --data.reader.classes"
)


def read_classes(
    table: Table, column: str, allowed: Sequence[str], where: Where, problems: Problems
) -> tuple[list[str | None], tuple[str, ...]]:
    """Read a column that holds one class a row.

    Args:
        table: The table.
        column: Its label column.
        allowed: All classes in order, or empty: those that occur, in the order of
            :func:`sort_classes`.
        where: Names a row (counted from 0) in a message.
        problems: Receives one for each value that cannot be used.

    Returns:
        The class of each row (None where its value cannot be used), and the classes in order.

    Raises:
        DataError: If the column holds a single class and ``allowed`` does not name the others.
    """
    values = [plain_number(cell) for cell in table.cells(column)]
    usable: list[str | None] = []
    uncertain = not allowed and {"-1", "0"} <= set(values) <= {"-1", "0", "1", ""}
    for at, value in enumerate(values):
        fault = _UNCERTAIN_CLASS if uncertain and value == "-1" else _class_fault(value, allowed)
        if fault:
            problems.append(Problem(Kind.LABEL, where(at), f"column '{column}' {fault}"))
        usable.append(None if fault else value)
    classes = tuple(allowed) or sort_classes({value for value in usable if value is not None})
    problems += twins(classes)
    if len(classes) < 2 and not problems:
        raise DataError(
            f"every label in column '{column}' is '{classes[0]}'; "
            "name all the classes with --data.reader.classes"
        )
    return usable, classes


def read_findings(
    table: Table, columns: Sequence[str], uncertain: Uncertain, where: Where, problems: Problems
) -> list[dict[str, float | None]]:
    """Read columns that each say 1 (holds), 0 (does not), blank (not known) or -1 (uncertain).

    Returns:
        Finding -> 1.0, 0.0 or None, for each row; a value that cannot be used is absent.
    """
    rows: list[dict[str, float | None]] = [{} for _ in table.rows]
    for column in columns:
        for at, cell in enumerate(table.cells(column)):
            value = plain_number(cell).lower()
            if value in _KNOWN:
                rows[at][column] = _KNOWN[value]
            elif is_missing(value):
                rows[at][column] = None
            elif value == "-1" and uncertain != "error":
                rows[at][column] = _UNCERTAIN[uncertain]
            else:
                fault = f"column '{column}' {_finding_fault(cell)}"
                problems.append(Problem(Kind.LABEL, where(at), fault))
    return rows


def is_negative_word(name: str) -> bool:
    """Whether a class says by its name that something is not there: ``normal``, ``benign``."""
    return name.strip().casefold() in _NEGATIVE_WORDS


def sort_classes(values: set[str]) -> tuple[str, ...]:
    """Sort whole numbers by value, anything else alphabetically; of two, a negative word first."""
    try:
        return tuple(sorted(values, key=lambda value: (int(value), value)))
    except ValueError:
        classes = sorted(values)
    if len(classes) == 2 and is_negative_word(classes[1]) and not is_negative_word(classes[0]):
        classes.reverse()
    return tuple(classes)


def twins(classes: Sequence[str]) -> Problems:
    """A problem for each two classes that are one, written twice: by case, blanks, or ``01``."""
    first: dict[str | int, str] = {}
    problems: Problems = []
    for name in classes:
        plain: str | int = " ".join(unicodedata.normalize("NFC", name).casefold().split())
        with suppress(ValueError):
            plain = int(plain)
        if plain in first:
            alike = (
                f"the classes '{first[plain]}' and '{name}' differ only in how they are written; "
                "write them alike"
            )
            problems.append(Problem(Kind.LABEL, "", alike))
        first.setdefault(plain, name)
    return problems


def order_notice(classes: Sequence[str], given: Sequence[str] = ()) -> tuple[str, ...]:
    """Say which of two classes counts as positive, and how to choose it where nobody did."""
    if len(classes) != 2:
        return ()
    how = "." if given else "; --data.reader.classes sets another order."
    return (f"Of the classes '{classes[0]}' and '{classes[1]}' the second counts as positive{how}",)


def _class_fault(value: str, allowed: Sequence[str]) -> str | None:
    if value not in allowed and not value:
        return "is empty; give a label or remove the row"
    if value not in allowed and is_missing(value):
        return (
            f"is '{value}', which stands for a missing value; write the class in another word, or "
            "name it in --data.reader.classes"
        )
    if allowed:
        near = get_close_matches(value, allowed, n=1)
        hint = f"; did you mean '{near[0]}'?" if near else f" ({', '.join(allowed)})"
        return None if value in allowed else f"is '{value}', not one of the classes{hint}"
    return f"is {value}, a fraction and not a class" if _is_fraction(value) else None


def _is_fraction(value: str) -> bool:
    try:
        number = float(value)
    except ValueError:
        return False
    return math.isfinite(number) and not number.is_integer()


def _finding_fault(cell: str) -> str:
    if plain_number(cell) == "-1":
        return "is -1 (uncertain); say what that means with --data.reader.uncertain"
    return f"is '{cell}'; a finding is 1 or 0 (yes or no), or blank when not known"
