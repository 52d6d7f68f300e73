"""Columns that say who is whose and how cases are divided: named by the user, or told by name."""

from collections.abc import Collection, Sequence
from shlex import quote

from datamodules.errors import DataError
from datamodules.readers.tables import Table, is_missing

SPLITS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
    "train_val": "train_val",
}
PATIENT_COLUMNS = ("patient", "patientid", "subject", "subjectid", "mrn", "personid", "caseid")
SPLIT_COLUMNS = ("split", "fold", "set", "partition")


def named_column(setting: str) -> str | None:
    """The column that a setting names; None where it is empty or says ``none``."""
    return None if setting.casefold() in ("", "none") else setting


def refuse_unnamed(
    table: Table, used: Collection[str | None], patient_column: str, split_column: str
) -> None:
    """Refuse a table that seems to have a column of patients or splits, where nobody chose.

    Args:
        table: The table.
        used: Columns that hold something else.
        patient_column: The setting; not empty: it was chosen.
        split_column: Likewise.

    Raises:
        DataError: Names the column and both ways of choosing.
    """
    for column in (name for name in table.columns if name not in used):
        cells = table.cells(column)
        if not patient_column and _holds_patients(column, cells):
            what, option = "every image would count as a patient of its own", "patient-column"
        elif not split_column and _holds_splits(column, cells):
            what, option = "another split would be drawn", "split-column"
        else:
            continue
        raise DataError(
            f"{table.path} has a column '{column}' that is not used, and {what}: name it with "
            f"--data.reader.{option} {quote(column)}, or say --data.reader.{option} none"
        )


def _holds_patients(column: str, cells: Sequence[str]) -> bool:
    known = [cell for cell in cells if not is_missing(cell)]
    plain = "".join(sign for sign in column.casefold() if sign.isalnum())
    return plain in PATIENT_COLUMNS and len(set(known)) < len(known)


def _holds_splits(column: str, cells: Sequence[str]) -> bool:
    return column.casefold() in SPLIT_COLUMNS and all(cell.lower() in SPLITS for cell in cells)
