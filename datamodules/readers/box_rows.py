"""The rows of a user's table of boxes, gathered by image, and all that is wrong with them."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Literal

from datamodules.cases import CaseTable
from datamodules.problems import Kind
from datamodules.readers.box_list import BoxList, numbers_of
from datamodules.readers.case_list import CaseList
from datamodules.readers.image_rows import ImageRows
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


class BoxRows(ImageRows):
    """Turns rows into boxes, and images into cases.

    Args:
        settings: Name the columns.
        cases: Gathers everything that is wrong.
        table: The rows.
    """

    def __init__(self, settings: "BoxesCsvReader", cases: CaseList, table: Table) -> None:
        super().__init__(settings, cases, table)
        self.settings = settings
        self.boxes = BoxList(cases, settings.faulty_boxes)

    def table_of_cases(self) -> CaseTable:
        """The table of cases; see the reader."""
        common = self.add_images()
        return self.boxes.table(self.dataset, self.settings.classes, **common)

    def take(self, name: str, places: Sequence[int]) -> Mapping[str, Any]:
        """The boxes of an image; see the base class."""
        cells = [self.cells[column] for column in self.settings.box_columns]
        empty = [at for at in places if all(is_missing(column[at]) for column in cells)]
        if empty and len(places) > 1:
            fault = "it has no box, and other rows of this image do not either, or have one"
            self.boxes.fault(name, fault, self.where(empty[0]))
        for at in (at for at in places if at not in empty):
            where = self.where(at)
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
        return self.boxes.targets(name, self.settings.axes or 2)

    def _label(self, name: str, at: int, ignored: bool) -> str | None:
        column, classes = self.settings.label_column, self.settings.classes
        if column is None:
            return ONLY_OBJECT
        label = self.cells[column][at]
        if is_missing(label) and ignored:
            return ""
        if is_missing(label):
            fault = f"column '{column}' does not say what the box is drawn around"
            self.cases.fault(Kind.LABEL, fault, name, self.where(at))
            return None
        if classes and label not in classes:
            near = get_close_matches(label, classes, n=1)
            hint = f"; did you mean '{near[0]}'?" if near else f" ({', '.join(classes)})"
            fault = f"'{label}' is none of the classes{hint}"
            self.cases.fault(Kind.LABEL, fault, name, self.where(at))
            return None
        return label

    def _is_ignored(self, name: str, at: int) -> bool:
        column = self.settings.ignored_column
        cell = "0" if column is None else plain_number(self.cells[column][at])
        if cell not in ("0", "1") and not is_missing(cell):
            fault = f"column '{column}' is '{cell}', not 0 or 1"
            self.cases.fault(Kind.LABEL, fault, name, self.where(at))
        return cell == "1"


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
