"""The rows of a user's table of boxes, gathered by image, and all that is wrong with them."""

from collections import defaultdict
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Literal

from datamodules.cases import Case, CaseTable
from datamodules.problems import Kind
from datamodules.readers.box_list import BoxList, numbers_of
from datamodules.readers.case_list import CaseList
from datamodules.readers.column_roles import SPLITS
from datamodules.readers.image_files import case_ids
from datamodules.readers.patient_ids import patient_notices, plain_id
from datamodules.readers.tables import Table, is_missing, plain_number

if TYPE_CHECKING:
    from datamodules.readers.boxes_csv import BoxesCsvReader

BoxForm = Literal["corner-size", "corners", "centre-size", "centre-diameter"]
AXES: dict[BoxForm, tuple[int, int]] = {
    "corner-size": (4, 6),
    "corners": (4, 6),
    "centre-size": (4, 6),
    "centre-diameter": (3, 4),
}
"""Numbers of a box in an image, and in a volume."""
ONLY_OBJECT = "object"


class BoxRows:
    """Turns rows into boxes, and images into cases.

    Args:
        settings: Name the columns.
        cases: Gathers everything that is wrong.
        table: The rows.
    """

    def __init__(self, settings: "BoxesCsvReader", cases: CaseList, table: Table) -> None:
        self.settings = settings
        self.cases = cases
        self.table = table
        self.cells = {column: table.cells(column) for column in table.columns}
        self.boxes = BoxList(cases, settings.faulty_boxes)
        self.images = [path.replace("\\", "/") for path in self.cells[settings.image_column]]

    def table_of_cases(self) -> CaseTable:
        """The table of cases; see the reader."""
        settings, rows = self.settings, self._rows()
        for (path, places), name in zip(rows.items(), case_ids(list(rows)), strict=True):
            self._take(name, places)
            self._add(name, path, places)
        has_patients = settings.patients_in is not None
        return self.boxes.table(
            PurePosixPath(settings.table).name.split(".")[0] or settings.kind,
            settings.classes,
            has_patients=has_patients,
            notices=patient_notices(self.cases.patients) if has_patients else (),
        )

    def _rows(self) -> dict[str, list[int]]:
        rows: dict[str, list[int]] = defaultdict(list)
        for at, path in enumerate(self.images):
            if path:
                rows[path].append(at)
            else:
                self.cases.fault(Kind.PATH, "it names no image", where=self._where(at))
        return rows

    def _where(self, at: int) -> str:
        return f"{self.table.path} row {self.table.numbers[at]}"

    def _take(self, name: str, places: Sequence[int]) -> None:
        """Take the boxes of an image."""
        cells = [self.cells[column] for column in self.settings.box_columns]
        empty = [at for at in places if all(is_missing(column[at]) for column in cells)]
        if empty and len(places) > 1:
            fault = "it has no box, and other rows of this image do not either, or have one"
            self.boxes.fault(name, fault, self._where(empty[0]))
        for at in (at for at in places if at not in empty):
            where = self._where(at)
            given = zip(self.settings.box_columns, (column[at] for column in cells), strict=True)
            numbers = numbers_of(dict(given))
            ignored = self._is_ignored(name, at)
            label = self._label(name, at, ignored)
            if isinstance(numbers, str):
                self.boxes.fault(name, numbers, where)
            elif label is not None:
                low, size = corner_and_size(numbers, self.settings.box_form)
                space = self.settings.box_space
                self.boxes.add(name, label, low, size, where, space=space, ignored=ignored)

    def _label(self, name: str, at: int, ignored: bool) -> str | None:
        column, classes = self.settings.label_column, self.settings.classes
        if column is None:
            return ONLY_OBJECT
        label = self.cells[column][at]
        if is_missing(label) and ignored:
            return ""
        if is_missing(label):
            fault = f"column '{column}' does not say what the box is drawn around"
            self.cases.fault(Kind.LABEL, fault, name, self._where(at))
            return None
        if classes and label not in classes:
            near = get_close_matches(label, classes, n=1)
            hint = f"; did you mean '{near[0]}'?" if near else f" ({', '.join(classes)})"
            fault = f"'{label}' is none of the classes{hint}"
            self.cases.fault(Kind.LABEL, fault, name, self._where(at))
            return None
        return label

    def _is_ignored(self, name: str, at: int) -> bool:
        column = self.settings.ignored_column
        cell = "0" if column is None else plain_number(self.cells[column][at])
        if cell not in ("0", "1") and not is_missing(cell):
            fault = f"column '{column}' is '{cell}', not 0 or 1"
            self.cases.fault(Kind.LABEL, fault, name, self._where(at))
        return cell == "1"

    def _add(self, name: str, path: str, places: Sequence[int]) -> None:
        settings = self.settings
        is_folder = (self.cases.root / path).is_dir() and not path.endswith("/")
        inputs = self.cases.images(name, {"image": path + "/" * is_folder})
        patient = plain_number(plain_id(self._one(name, settings.patients_in, places) or ""))
        if settings.patients_in is not None and is_missing(patient):
            fault = f"column '{settings.patients_in}' names no patient"
            self.cases.fault(Kind.PATIENT, fault, name, self._where(places[0]))
        attributes = {
            column: _value(self._one(name, column, places)) for column in settings.attribute_columns
        }
        self.cases.add(
            Case(
                name,
                name if is_missing(patient) else patient,
                inputs,
                self.boxes.targets(name, settings.axes or 2),
                site=self._one(name, settings.site_column, places),
                attributes=attributes,
                split=self._split(name, places),
            )
        )

    def _split(self, name: str, places: Sequence[int]) -> str | None:
        column = self.settings.splits_in
        if column is None:
            return None
        cell = self._one(name, column, places) or ""
        if cell.lower() not in SPLITS:
            fault = f"column '{column}' is '{cell}', not train, val or test"
            self.cases.fault(Kind.SPLIT, fault, name, self._where(places[0]))
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
                self.cases.fault(Kind.LAYOUT, fault, name, self._where(at))
                break
        return None if is_missing(cells[places[0]]) else cells[places[0]]


def corner_and_size(numbers: Sequence[float], form: BoxForm) -> tuple[list[float], list[float]]:
    """The corner with the lowest numbers, and the sides, of a box in any form."""
    if form == "centre-diameter":
        *middle, diameter = numbers
        return [at - diameter / 2 for at in middle], [diameter] * len(middle)
    axes = len(numbers) // 2
    first, second = list(numbers[:axes]), list(numbers[axes:])
    if form == "corners":
        return first, [end - start for start, end in zip(first, second, strict=True)]
    if form == "centre-size":
        first = [at - side / 2 for at, side in zip(first, second, strict=True)]
    return first, second


def _value(cell: str | None) -> str | float | None:
    try:
        return None if cell is None else float(cell)
    except ValueError:
        return cell
