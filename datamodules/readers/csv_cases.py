"""The rows of a user's table as cases, and everything that is wrong with them."""

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

from datamodules.cases import Case, CaseTable, Source
from datamodules.problems import FaultyCasesError, Kind, Problem, Problems
from datamodules.readers.column_roles import SPLITS
from datamodules.readers.csv_inputs import AddProblem
from datamodules.readers.image_files import fault_of_case_id, hint_of_missing
from datamodules.readers.label_columns import order_notice, read_classes, read_findings
from datamodules.readers.labelled_table import RowColumns
from datamodules.readers.patient_ids import patient_notices, plain_id
from datamodules.readers.tables import Table, is_missing, plain_number


class RowInputs(Protocol):
    """Where what the rows of a table name lies.

    Attributes:
        root: Folder of the dataset.
        paths: Of each row, as the table has them; empty: the row names nothing.
        missing: Of these, how many are not there, once the sources have been looked for.
    """

    root: Path
    paths: list[str]
    missing: int

    def name_rows(self) -> list[str]:
        """An id for each row."""

    def sources(self, add: AddProblem) -> list[dict[str, Source]]:
        """Inputs of each row by name; what cannot be had is absent, and a problem."""

    def taken_together(self) -> list[str] | None:
        """What stands for the patient of each row where nobody says; None: its id."""


class CsvCases:
    """Turns the rows of one table into cases, and gathers everything that is wrong with them.

    Args:
        settings: Name the columns.
        table: The rows.
        inputs: What the rows name.
        problems: What is wrong so far.
    """

    def __init__(
        self, settings: RowColumns, table: Table, inputs: RowInputs, problems: Problems
    ) -> None:
        self.settings = settings
        self.table = table
        self.inputs = inputs
        self.problems = problems
        self.ids = table.cells(settings.case_column) if settings.case_column else []
        self.ids = self.ids or self.inputs.name_rows()

    def build(self) -> CaseTable:
        """The table of cases.

        Raises:
            FaultyCasesError: Lists everything that is wrong, and keeps the cases that are known.
        """
        settings = self.settings
        inputs = self.inputs.sources(self._add)
        rows = self._named_rows()
        targets, classes = self._targets()
        patients = self._patients()
        splits = self._splits()
        sites = self._optional(settings.site_column)
        attributes = self._attributes()
        exams = self._optional(settings.exam_column)
        cases = [
            Case(
                case_id=self.ids[at],
                patient_id=patients[at],
                inputs=inputs[at],
                targets=targets[at],
                site=sites[at],
                attributes=attributes[at],
                split=splits[at],
                exam_id=exams[at],
            )
            for at in rows
        ]
        if self.problems:
            raise FaultyCasesError(
                f"problems in {settings.table}: {len(self.problems)}"
                + hint_of_missing(self.inputs.missing, len(self.ids)),
                self.problems,
                self._table(cases, classes) if cases else None,
            )
        return self._table(cases, classes)

    def _table(self, cases: Sequence[Case], classes: tuple[str, ...]) -> CaseTable:
        settings = self.settings
        return CaseTable(
            name=PurePosixPath(settings.table).name.split(".")[0] or "csv",
            root=self.inputs.root,
            cases=tuple(cases),
            classes=classes,
            findings=settings.label_columns if settings.has_findings else (),
            has_patients=settings.patients_in is not None,
            notices=self._notices(classes, [case.patient_id for case in cases]),
        )

    def _add(self, kind: Kind, at: int, message: str) -> None:
        self.problems.append(Problem(kind, self._where(at), message, case_id=self.ids[at]))

    def _where(self, at: int) -> str:
        return f"row {self.table.numbers[at]}, case '{self.ids[at]}'"

    def _named_rows(self) -> list[int]:
        """The first row of each case that has a usable id."""
        rows: dict[str, list[int]] = {}
        for at, case_id in enumerate(self.ids):
            fault = fault_of_case_id(case_id)
            if fault and self.inputs.paths[at]:
                where, message = f"row {self.table.numbers[at]}", f"case id '{case_id}' {fault}"
                self.problems.append(Problem(Kind.CASE_ID, where, message, case_id=case_id))
            if not fault:
                rows.setdefault(case_id, []).append(at)
        for case_id, places in rows.items():
            if len(places) > 1:
                listed = ", ".join(str(self.table.numbers[at]) for at in places)
                message = f"case id '{case_id}' occurs more than once: rows {listed}"
                self.problems.append(Problem(Kind.CASE_ID, "", message, case_id=case_id))
        return [places[0] for places in rows.values()]

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
        return [{} if value is None else {"class": value} for value in values], classes

    def _patients(self) -> list[str]:
        column = self.settings.patients_in
        if column is None:
            return self._images_taken_together()
        patients = [plain_number(plain_id(cell)) for cell in self.table.cells(column)]
        for at in (at for at, patient in enumerate(patients) if is_missing(patient)):
            self._add(Kind.PATIENT, at, f"column '{column}' names no patient")
            patients[at] = self.ids[at]
        return patients

    def _images_taken_together(self) -> list[str]:
        """What stands for the patient where nobody says: the exam, or the file or folder."""
        if self.settings.exam_column is not None:
            exams = self._optional(self.settings.exam_column)
            return [exam or own for exam, own in zip(exams, self.ids, strict=True)]
        return self.inputs.taken_together() or self.ids

    def _splits(self) -> list[str | None]:
        column = self.settings.splits_in
        if column is None:
            return [None] * len(self.ids)
        cells = self.table.cells(column)
        for at, cell in enumerate(cells):
            if cell.lower() not in SPLITS:
                self._add(Kind.SPLIT, at, f"column '{column}' is '{cell}', not train, val or test")
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
