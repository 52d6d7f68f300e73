"""The two tables of the RSNA Pneumonia Challenge: boxes of opacities, and one of three classes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

from datamodules.problems import FaultyCasesError, Kind, Problem, Problems
from datamodules.readers.image_files import fault_of_case_id
from datamodules.readers.nih_annotations import first_there
from datamodules.readers.tables import Table, is_missing, plain_number, read_tables

OPACITY = "Lung Opacity"
CLASSES = ("Normal", "No Lung Opacity / Not Normal", OPACITY)
LABEL_TABLE = "stage_2_train_labels.csv"
CLASS_TABLE = "stage_2_detailed_class_info.csv"
BOX_COLUMNS = ("x", "y", "width", "height")
IMAGE_SIZE = 1024

Box = tuple[float, float, float, float]
"""x, y, width and height in pixels."""


@dataclass
class Annotations:
    """What the two tables say of each image, by its ``patientId``.

    Attributes:
        boxes: Boxes of the opacities; an image with Target 0 has none.
        classes: One of the three classes.
        places: Where an image stands first in the table of boxes; without unusable ids.
        faulty: Images of which something cannot be used: what is said of them does not count.
    """

    boxes: dict[str, list[Box]] = field(default_factory=dict)
    classes: dict[str, str] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)
    faulty: set[str] = field(default_factory=set)


def read_annotations(root: Path, problems: Problems) -> Annotations:
    """Read both tables, and look whether they agree.

    Args:
        root: Folder of the dataset.
        problems: Receives one for each row that cannot be used, and for each disagreement.

    Raises:
        FaultyCasesError: If a table cannot be read at all, or lacks columns.
    """
    labels, classes = (first_there(root, (name,)) or name for name in (LABEL_TABLE, CLASS_TABLE))
    columns = {labels: ("patientId", *BOX_COLUMNS, "Target"), classes: ("patientId", "class")}
    tables = read_tables(root, columns, problems)
    if len(tables) < len(columns):
        raise FaultyCasesError("the tables of the challenge cannot be used", problems, None)
    joined = _JoinedTables(problems)
    joined.add_boxes(tables[labels])
    joined.add_classes(tables[classes])
    joined.compare()
    return joined.annotations


class _JoinedTables:
    """Fills the annotations row by row, and gathers what is wrong."""

    def __init__(self, problems: Problems) -> None:
        self.problems = problems
        self.annotations = Annotations()

    def add_boxes(self, table: Table) -> None:
        known = self.annotations
        seen: dict[tuple[str, Box | None], str] = {}
        for place, image, (target, *cells) in self._rows(table, "Target", *BOX_COLUMNS):
            known.places.setdefault(image, place)
            box, kind, fault = _parse_row(target, cells), Kind.BOX, ""
            if plain_number(target) not in ("0", "1"):
                kind, fault = Kind.LABEL, f"Target is '{target}', not 0 or 1"
            elif isinstance(box, str):
                fault = box
            elif (image, box) in seen:
                fault = f"the same as {seen[image, box]}"
            elif image in known.boxes and (box is None or not known.boxes[image]):
                kind, fault = Kind.LABEL, f"Target is {target}, and another in a row above"
            else:
                seen[image, box] = place
                known.boxes.setdefault(image, []).extend([] if box is None else [box])
            self._add(kind, place, image, fault)

    def add_classes(self, table: Table) -> None:
        for place, image, (name,) in self._rows(table, "class"):
            known, fault = self.annotations.classes.setdefault(image, name), ""
            if name not in CLASSES:
                near = get_close_matches(name, CLASSES, n=1)
                hint = f"; did you mean '{near[0]}'?" if near else f" ({', '.join(CLASSES)})"
                fault = f"'{name}' is not one of the three classes{hint}"
            elif name != known:
                fault = f"the class is '{name}', and in a row above it is '{known}'"
            self._add(Kind.LABEL, place, image, fault)

    def compare(self) -> None:
        """Look for images that only one table has, or whose class contradicts their Target."""
        known = self.annotations
        images = [name for name in {**known.places, **known.classes} if name not in known.faulty]
        for image in images:
            place, fault = known.places.get(image, CLASS_TABLE), ""
            if image not in known.places or image not in known.classes:
                other = CLASS_TABLE if image in known.places else LABEL_TABLE
                fault = f"the image is not in {other}"
            elif (known.classes[image] == OPACITY) != bool(known.boxes[image]):
                target = int(bool(known.boxes[image]))
                fault = f"Target is {target}, and the class is '{known.classes[image]}'"
            self._add(Kind.LABEL, place, image, fault)

    def _rows(self, table: Table, *columns: str) -> Iterator[tuple[str, str, Sequence[str]]]:
        """Place, image and further cells of each row whose id can name a case."""
        rows = zip(*(table.cells(name) for name in ("patientId", *columns)), strict=True)
        for number, (image, *cells) in zip(table.numbers, rows, strict=True):
            place = f"{table.path} row {number}"
            if fault := fault_of_case_id(image):
                self._add(Kind.CASE_ID, place, image, f"the patientId {fault}")
            else:
                yield place, image, cells

    def _add(self, kind: Kind, place: str, image: str, fault: str) -> None:
        if fault:
            self.problems.append(Problem(kind, f"{place}, {image}", fault, case_id=image))
            self.annotations.faulty.add(image)


def _parse_row(target: str, cells: Sequence[str]) -> Box | str | None:
    """The box of a row, None where there is no opacity; a string says what is wrong."""
    blank = all(is_missing(cell) for cell in cells)
    if plain_number(target) == "1":
        return "Target is 1, and there is no box" if blank else _parse_box(cells)
    return None if blank else "Target is 0, and there is a box"


def _parse_box(cells: Sequence[str]) -> Box | str:
    try:
        x, y, width, height = (float(cell) for cell in cells)
    except ValueError:
        return f"the box {', '.join(cells)} is not four numbers"
    if 0 <= x < x + width <= IMAGE_SIZE and 0 <= y < y + height <= IMAGE_SIZE:
        return x, y, width, height
    return (
        f"the box {x:g}, {y:g}, {width:g}, {height:g} is empty or lies outside the "
        f"{IMAGE_SIZE} x {IMAGE_SIZE} pixels of the image"
    )
