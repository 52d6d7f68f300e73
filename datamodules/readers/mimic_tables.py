"""The tables of MIMIC-CXR-JPG: which there are, and the images that its metadata list."""

import re
from pathlib import Path
from typing import NamedTuple

from datamodules.errors import DataError
from datamodules.problems import Kind, Problem, Problems
from datamodules.readers.chexpert_labels import OBSERVATIONS
from datamodules.readers.nih_annotations import first_there
from datamodules.readers.tables import Table, read_tables

PAGE = "https://physionet.org/content/mimic-cxr-jpg/"
UNKNOWN_VIEW = "unknown"
_NAME = "mimic-cxr-2.0.0-{}.csv"
_DICOM_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{8}){4}")
_NUMBER = re.compile(r"[0-9]{8}")


class Image(NamedTuple):
    """A row of the metadata.

    Attributes:
        row: Its number as a spreadsheet shows it.
        dicom: Id of the image.
        subject: Id of the patient.
        study: Id of the study.
        view: ViewPosition, or ``unknown``.
    """

    row: int
    dicom: str
    subject: str
    study: str
    view: str

    @property
    def path(self) -> str:
        """Relative to the root."""
        folder = f"files/p{self.subject[:2]}/p{self.subject}/s{self.study}"
        return f"{folder}/{self.dicom}.jpg"


def read_mimic_tables(
    root: Path, labeller: str, problems: Problems
) -> tuple[Table, Table, Table | None]:
    """Read the metadata, the labels, and the official split where it is there.

    Raises:
        DataError: Names the tables that are not there, or all that makes them unusable.
    """
    columns = {
        "metadata": ("dicom_id", "subject_id", "study_id", "ViewPosition"),
        labeller: ("subject_id", "study_id", *OBSERVATIONS),
        "split": ("dicom_id", "subject_id", "split"),
    }
    names = {what: first_there(root, (_NAME.format(what),)) for what in columns}
    lacking = [_lacks(what) for what in ("metadata", labeller) if names[what] is None]
    if lacking:
        raise DataError("the dataset's folder lacks tables", lacking)
    there = {what: name for what, name in names.items() if name}
    tables = read_tables(root, {there[what]: columns[what] for what in there}, problems)
    if len(tables) < len(there):
        raise DataError("the tables of the dataset cannot be used", problems)
    read = {what: tables[name] for what, name in there.items()}
    return read["metadata"], read[labeller], read.get("split")


def _lacks(what: str) -> str:
    hint = "" if what == "metadata" else ", or take other labels with --data.reader.labeller"
    return f"the dataset's folder has no {_NAME.format(what)}.gz; get it from {PAGE}{hint}"


def read_images(metadata: Table, problems: Problems) -> list[Image]:
    """Images of the metadata; a row whose ids cannot be used becomes a problem."""
    columns = ("dicom_id", "subject_id", "study_id", "ViewPosition")
    images = []
    for row, dicom, subject, study, view in zip(
        metadata.numbers, *(metadata.cells(name) for name in columns), strict=True
    ):
        where = f"{metadata.path} row {row}"
        if not _DICOM_ID.fullmatch(dicom):
            problems.append(Problem(Kind.CASE_ID, where, f"'{dicom}' is no dicom_id"))
        elif not _NUMBER.fullmatch(subject) or not _NUMBER.fullmatch(study):
            fault = f"the subject_id '{subject}' or the study_id '{study}' is not of 8 digits"
            problems.append(Problem(Kind.PATIENT, where, fault, case_id=dicom))
        else:
            images.append(Image(row, dicom, subject, study, view or UNKNOWN_VIEW))
    kept = rows_by(metadata, "dicom_id", problems)
    return [image for image in images if metadata.numbers[kept[image.dicom]] == image.row]


def rows_by(table: Table, column: str, problems: Problems) -> dict[str, int]:
    """Rows, counted from 0, by an id; of an id that occurs again, the first row."""
    rows: dict[str, int] = {}
    for at, name in enumerate(table.cells(column)):
        first = rows.setdefault(name, at)
        if first != at:
            where = f"{table.path} row {table.numbers[at]}"
            fault = f"the {column} {name} is in row {table.numbers[first]} already"
            problems.append(Problem(Kind.CASE_ID, where, fault))
    return rows
