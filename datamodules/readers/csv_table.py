"""Any images listed in a table: paths, labels, and what else the table knows of them."""

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from datamodules.cases import Case, CaseTable, Source
from datamodules.errors import DataError
from datamodules.readers.column_roles import SPLITS, named_column, refuse_unnamed
from datamodules.readers.image_files import (
    ImageFiles,
    NoSuchFileError,
    case_ids,
    fault_of_case_id,
    hint_of_missing,
)
from datamodules.readers.label_columns import (
    Uncertain,
    order_notice,
    read_classes,
    read_findings,
)
from datamodules.readers.patient_ids import patient_notices, plain_id
from datamodules.readers.reader import ReaderSettings
from datamodules.readers.tables import Table, is_missing, plain_number, read_table


class CsvReader(ReaderSettings):
    """Your own images, listed in a table with a header row.

    Expected under ``root``: the table, and the images that it names; this one is read with
    ``--data.reader.patient-column patient``::

        labels.csv          path,label,patient
        images/a.png        images/a.png,1,p1
        images/b.dcm        images/b.dcm,0,p2
    """

    kind: Literal["csv"] = "csv"
    table: str = "labels.csv"
    """The table, relative to the root: .csv or .tsv, also gzipped."""
    image_column: str = "path"
    """Column with the path of each image, relative to the root."""
    label_columns: tuple[str, ...] = Field(default=("label",), min_length=1)
    """One column with a class a row, or several columns with a finding each (1, 0, blank)."""
    multi_label: bool = False
    """Read a single label column as a finding (1, 0, blank) and not as a class."""
    classes: tuple[str, ...] = ()
    """All classes in order, of two the second is the positive one; empty: those that occur."""
    uncertain: Uncertain = "error"
    """What -1 in a finding means: an error, not known, negative, or positive."""
    case_column: str | None = None
    """Column with a unique id for each image; none: the name of its file."""
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

    @model_validator(mode="after")
    def _labels_fit(self) -> Self:
        if self.classes and self.has_findings:
            raise ValueError("classes belong to a single label column without multi_label")
        for name in ("classes", "label_columns"):
            if len(set(getattr(self, name))) < len(getattr(self, name)):
                raise ValueError(f"{name} names something twice")
        return self

    @property
    def has_findings(self) -> bool:
        """Whether each label holds or not, apart from the others."""
        return self.multi_label or len(self.label_columns) > 1

    def list_cases(self) -> CaseTable:
        """List the images of the table; see the base class."""
        root = self.existing_root()
        table = read_table(root, self.table)
        table.require(self._columns())
        used = {self.image_column, *self.label_columns, self.case_column}
        refuse_unnamed(table, used, self.patient_column, self.split_column)
        return _CsvCases(self, root, table).build()

    @property
    def patients_in(self) -> str | None:
        """Column of the patient ids, if there is one."""
        return named_column(self.patient_column)

    @property
    def splits_in(self) -> str | None:
        """Column of the official split, if there is one."""
        return named_column(self.split_column)

    def _columns(self) -> list[str]:
        optional = (self.case_column, self.patients_in, self.splits_in, self.site_column)
        named = [self.image_column, *self.label_columns, *self.attribute_columns]
        return list(dict.fromkeys([*named, *(name for name in optional if name is not None)]))


class _CsvCases:
    """Turns the rows of one table into cases, and gathers everything that is wrong with them."""

    def __init__(self, settings: CsvReader, root: Path, table: Table) -> None:
        self.settings = settings
        self.root = root
        self.table = table
        self.problems: list[str] = []
        self.missing = 0
        self.paths = table.cells(settings.image_column)
        self.ids = table.cells(settings.case_column) if settings.case_column else []
        self.ids = self.ids or case_ids([path.replace("\\", "/") for path in self.paths])

    def build(self) -> CaseTable:
        settings = self.settings
        paths = self._checked_paths()
        self._check_ids()
        targets, classes = self._targets()
        patients = self._patients()
        splits = self._splits()
        sites = self._optional(settings.site_column)
        attributes = self._attributes()
        if self.problems:
            hint = hint_of_missing(self.missing, len(self.paths))
            raise DataError(
                f"problems in {settings.table}: {len(self.problems)}{hint}", self.problems
            )
        cases = tuple(
            Case(case_id, patient, {"image": Source(path)}, target, site, attribute, split)
            for case_id, patient, path, target, site, attribute, split in zip(
                self.ids, patients, paths, targets, sites, attributes, splits, strict=True
            )
        )
        return CaseTable(
            name=PurePosixPath(settings.table).name.split(".")[0] or settings.kind,
            root=self.root,
            cases=cases,
            classes=classes,
            findings=settings.label_columns if settings.has_findings else (),
            has_patients=settings.patients_in is not None,
            notices=self._notices(classes, patients),
        )

    def _where(self, at: int) -> str:
        return f"row {self.table.numbers[at]}, case '{self.ids[at]}'"

    def _checked_paths(self) -> list[str]:
        files = ImageFiles(self.root)
        checked = []
        for at, path in enumerate(self.paths):
            try:
                checked.append(files.check(path))
            except DataError as error:
                self.missing += isinstance(error, NoSuchFileError)
                self.problems.append(f"{self._where(at)}: {error}")
        return checked

    def _check_ids(self) -> None:
        rows: dict[str, list[int]] = {}
        for at, case_id in enumerate(self.ids):
            rows.setdefault(case_id, []).append(self.table.numbers[at])
            if (fault := fault_of_case_id(case_id)) and self.paths[at]:
                self.problems.append(f"row {self.table.numbers[at]}: case id '{case_id}' {fault}")
        for case_id, numbers in rows.items():
            if len(numbers) > 1 and case_id:
                listed = ", ".join(str(number) for number in numbers)
                self.problems.append(f"case id '{case_id}' occurs more than once: rows {listed}")

    def _targets(self) -> tuple[Sequence[Mapping[str, Any]], tuple[str, ...]]:
        columns, table = self.settings.label_columns, self.table
        if self.settings.has_findings:
            findings = read_findings(
                table, columns, self.settings.uncertain, self._where, self.problems
            )
            return [{"findings": row} for row in findings], ()
        values, classes = read_classes(
            table, columns[0], self.settings.classes, self._where, self.problems
        )
        return [{"class": value} for value in values], classes

    def _patients(self) -> list[str]:
        column = self.settings.patients_in
        if column is None:
            return self.ids
        patients = [plain_number(plain_id(cell)) for cell in self.table.cells(column)]
        self.problems += [
            f"{self._where(at)}: column '{column}' names no patient"
            for at, patient in enumerate(patients)
            if is_missing(patient)
        ]
        return patients

    def _splits(self) -> list[str | None]:
        column = self.settings.splits_in
        if column is None:
            return [None] * len(self.ids)
        cells = self.table.cells(column)
        self.problems += [
            f"{self._where(at)}: column '{column}' is '{cell}', not train, val or test"
            for at, cell in enumerate(cells)
            if cell.lower() not in SPLITS
        ]
        return [SPLITS.get(cell.lower()) for cell in cells]

    def _optional(self, column: str | None) -> list[str | None]:
        if column is None:
            return [None] * len(self.ids)
        return [None if is_missing(cell) else cell for cell in self.table.cells(column)]

    def _attributes(self) -> list[dict[str, str | float | None]]:
        rows: list[dict[str, str | float | None]] = [{} for _ in self.ids]
        for column in self.settings.attribute_columns:
            for row, value in zip(rows, _values(self.table.cells(column)), strict=True):
                row[column] = value
        return rows

    def _notices(self, classes: tuple[str, ...], patients: list[str]) -> tuple[str, ...]:
        notices = order_notice(classes, self.settings.classes)
        return notices if self.settings.patients_in is None else notices + patient_notices(patients)


def _values(cells: list[str]) -> Sequence[str | float | None]:
    """Numbers where all known values are numbers, else text; None where blank."""
    known = [None if is_missing(cell) else cell for cell in cells]
    try:
        return [None if cell is None else float(cell) for cell in known]
    except ValueError:
        return known
