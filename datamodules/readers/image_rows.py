"""Tables of which several rows may be of one image: their columns, and images made into cases."""

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any, ClassVar

from pydantic import field_validator

from datamodules.cases import Case
from datamodules.problems import Kind
from datamodules.readers.case_list import CaseList
from datamodules.readers.column_roles import SPLITS, named_column, refuse_unnamed
from datamodules.readers.image_files import case_ids
from datamodules.readers.patient_ids import patient_notices, plain_id
from datamodules.readers.reader import ReaderSettings
from datamodules.readers.tables import Table, is_missing, plain_number


class ImageColumns(ReaderSettings):
    """A table whose rows name images, and say whose they are."""

    ids_are_file_names: ClassVar[bool] = True
    table: str = ""
    """The table, relative to the root: .csv or .tsv, also gzipped."""
    image_column: str = "image"
    """Column with the path of each image, relative to the root: a file, or the folder of a DICOM
    series."""
    patient_column: str = ""
    """Column with the patient's id; none: every image counts as a patient of its own; empty: the
    same, but a table that seems to have such a column is refused."""
    split_column: str = ""
    """Column with train, val or test (or train_val); none: the split is drawn; empty: the same,
    but a table that seems to have such a column is refused."""
    site_column: str | None = None
    """Column with the hospital, scanner or centre."""
    attribute_columns: tuple[str, ...] = ()
    """Columns to report subgroups by, such as age, sex, view."""

    @field_validator("patient_column", "split_column", mode="before")
    @classmethod
    def _text(cls, value: object) -> object:
        return "" if value is None else value

    @property
    def patients_in(self) -> str | None:
        """Column of the patient ids, if there is one."""
        return named_column(self.patient_column)

    @property
    def splits_in(self) -> str | None:
        """Column of the official split, if there is one."""
        return named_column(self.split_column)

    def columns_of_images(self) -> list[str]:
        """Every column that these settings name."""
        optional = (self.patients_in, self.splits_in, self.site_column)
        named = [self.image_column, *self.attribute_columns]
        return [*named, *(name for name in optional if name is not None)]

    def require(self, table: Table, used: Sequence[str]) -> None:
        """Refuse a table that lacks columns, or seems to have patients or splits in others.

        Args:
            table: The table.
            used: Columns that say what is in the images.

        Raises:
            DataError: Names them.
        """
        columns = list(dict.fromkeys([*self.columns_of_images(), *used]))
        table.require(columns)
        refuse_unnamed(table, columns, self.patient_column, self.split_column)


class ImageRows(ABC):
    """Gathers rows by image, and makes images into cases.

    Args:
        settings: Name the columns.
        cases: Gathers everything that is wrong.
        table: The rows.
    """

    def __init__(self, settings: ImageColumns, cases: CaseList, table: Table) -> None:
        self.columns = settings
        self.cases = cases
        self.table = table
        self.cells = {column: table.cells(column) for column in table.columns}

    @abstractmethod
    def take(self, name: str, places: Sequence[int]) -> Mapping[str, Any]:
        """The targets of an image; what is wrong with them is gathered.

        Args:
            name: The case.
            places: Its rows, as positions in the table.
        """

    def add_images(self) -> dict[str, Any]:
        """Add every image as a case.

        Returns:
            What is common to the cases, as fields of their table.
        """
        rows = self._rows()
        for (path, places), name in zip(rows.items(), case_ids(list(rows)), strict=True):
            self._add(name, path, places)
        has_patients = self.columns.patients_in is not None
        notices = patient_notices(self.cases.patients) if has_patients else ()
        return {"has_patients": has_patients, "notices": notices}

    @property
    def dataset(self) -> str:
        """What it is called: as its table."""
        return PurePosixPath(self.columns.table).name.split(".")[0] or "table"

    def where(self, at: int) -> str:
        """A row, to be named."""
        return f"{self.table.path} row {self.table.numbers[at]}"

    def _rows(self) -> dict[str, list[int]]:
        rows: dict[str, list[int]] = defaultdict(list)
        for at, path in enumerate(self.cells[self.columns.image_column]):
            if path:
                rows[path.replace("\\", "/")].append(at)
            else:
                self.cases.fault(Kind.PATH, "it names no image", where=self.where(at))
        return rows

    def _add(self, name: str, path: str, places: Sequence[int]) -> None:
        columns = self.columns
        targets = self.take(name, places)
        is_folder = (self.cases.root / path).is_dir() and not path.endswith("/")
        inputs = self.cases.images(name, {"image": path + "/" * is_folder})
        patient = plain_number(plain_id(self._one(name, columns.patients_in, places) or ""))
        if columns.patients_in is not None and is_missing(patient):
            fault = f"column '{columns.patients_in}' names no patient"
            self.cases.fault(Kind.PATIENT, fault, name, self.where(places[0]))
        attributes = {
            column: _value(self._one(name, column, places)) for column in columns.attribute_columns
        }
        self.cases.add(
            Case(
                name,
                name if is_missing(patient) else patient,
                inputs,
                targets,
                site=self._one(name, columns.site_column, places),
                attributes=attributes,
                split=self._split(name, places),
                spacing_mm=self.spacing_mm,
            )
        )

    @property
    def spacing_mm(self) -> tuple[float, ...] | None:
        """Of images whose files do not say it; see :class:`Case`."""
        return None

    def _split(self, name: str, places: Sequence[int]) -> str | None:
        column = self.columns.splits_in
        if column is None:
            return None
        cell = self._one(name, column, places) or ""
        if cell.lower() not in SPLITS:
            fault = f"column '{column}' is '{cell}', not train, val or test"
            self.cases.fault(Kind.SPLIT, fault, name, self.where(places[0]))
        return SPLITS.get(cell.lower())

    def _one(self, name: str, column: str | None, places: Sequence[int]) -> str | None:
        """What all rows of an image say; None: nothing."""
        if column is None:
            return None
        cells = self.cells[column]
        for at in places[1:]:
            if cells[at] != cells[places[0]]:
                first = f"'{cells[places[0]]}' in row {self.table.numbers[places[0]]}"
                fault = f"column '{column}' is '{cells[at]}', and {first} of the same image"
                self.cases.fault(Kind.LAYOUT, fault, name, self.where(at))
                break
        return None if is_missing(cells[places[0]]) else cells[places[0]]


def _value(cell: str | None) -> str | float | None:
    try:
        return None if cell is None else float(cell)
    except ValueError:
        return cell
