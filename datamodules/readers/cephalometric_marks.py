"""Who has marked the landmarks of the ISBI 2015 cephalograms where: text files, or tables."""

import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import PurePosixPath

from datamodules.cases import resolve
from datamodules.errors import DataError
from datamodules.problems import Kind, problems_of
from datamodules.readers.box_list import numbers_of
from datamodules.readers.case_list import CaseList
from datamodules.readers.point_list import PointList
from datamodules.readers.tables import is_missing, read_table

LANDMARKS = (
    *("sella", "nasion", "orbitale", "porion", "subspinale", "supramentale", "pogonion", "menton"),
    *("gnathion", "gonion", "lower_incisal_incision", "upper_incisal_incision", "upper_lip"),
    *("lower_lip", "subnasale", "soft_tissue_pogonion", "posterior_nasal_spine"),
    *("anterior_nasal_spine", "articulare"),
)
"""In the order of the challenge; subspinale is point A, supramentale point B."""
READINGS = {"senior": "senior", "junior": "second", "second": "second"}
"""What the two readings are called, by what files call them."""
IMAGE_COLUMN = "image_path"
SETS = {"train": range(1, 151), "test1": range(151, 301), "test2": range(301, 401)}
"""Numbers of the images of each part of the challenge."""

_TEXT = re.compile(r"(?:.*/)?400_(senior|junior)/(\d{3})\.txt", re.IGNORECASE)
_TABLE = re.compile(r"[^/]*(senior|junior|second)[^/]*\.csv", re.IGNORECASE)


class Marks:
    """The landmarks of every image by reading.

    Args:
        cases: Gathers what is wrong.
        paths: Files of the dataset.
    """

    def __init__(self, cases: CaseList, paths: Sequence[str]) -> None:
        self._cases = cases
        self._lists = {name: PointList(cases, LANDMARKS) for name in set(READINGS.values())}
        self._named: dict[str, dict[str, str]] = defaultdict(dict)
        for path in paths:
            if match := _TEXT.fullmatch(path):
                self._read_text(READINGS[match[1].lower()], match[2], path)
            elif match := _TABLE.fullmatch(path):
                self._read_table(READINGS[match[1].lower()], path)

    @property
    def images(self) -> list[str]:
        """Numbers of the images that somebody has marked."""
        return sorted({image for named in self._named.values() for image in named})

    def of(self, image: str) -> dict[str, dict[str, tuple[float, float]]]:
        """Readings of an image, by name: senior before second."""
        found = {}
        for reading in ("senior", "second"):
            points = self._lists[reading].targets(image)["points"]
            if points:
                found[reading] = {name: place for name, place in points.items() if place}
        return found

    def _read_text(self, reading: str, image: str, path: str) -> None:
        if not self._is_new(reading, image, path):
            return
        try:
            lines = resolve(self._cases.root, path).read_text(encoding="utf-8-sig").splitlines()
        except UnicodeDecodeError:
            self._cases.fault(Kind.LAYOUT, "it is no text", image, path)
            return
        if len(lines) < len(LANDMARKS):  # classes follow, which are not read
            fault = f"it has {len(lines)} lines, and there are {len(LANDMARKS)} landmarks"
            self._cases.fault(Kind.POINT, fault, image, path)
            return
        for number, (name, line) in enumerate(zip(LANDMARKS, lines, strict=False), start=1):
            cells = dict(zip("xy", line.split(","), strict=False))
            self._add(reading, image, name, cells, f"{path} line {number}")

    def _read_table(self, reading: str, path: str) -> None:
        columns = [(f"{at}_x", f"{at}_y") for at in range(1, len(LANDMARKS) + 1)]
        try:
            table = read_table(self._cases.root, path, problems=self._cases.problems)
            table.require([IMAGE_COLUMN, *(column for own in columns for column in own)])
        except DataError as error:
            self._cases.problems += problems_of(error)
            return
        cells = {name: table.cells(name) for name in table.columns}
        for at, named in enumerate(cells[IMAGE_COLUMN]):
            image, where = PurePosixPath(named).stem, f"{path} row {table.numbers[at]}"
            if self._is_new(reading, image, where):
                for name, own in zip(LANDMARKS, columns, strict=True):
                    self._add(reading, image, name, {each: cells[each][at] for each in own}, where)

    def _is_new(self, reading: str, image: str, where: str) -> bool:
        if part_of(image) is None:
            fault = f"'{image}' is no image of the challenge (001 to 400)"
            self._cases.fault(Kind.PATH, fault, where=where)
            return False
        if (before := self._named[reading].get(image)) is not None:
            fault = f"the {reading} reading of this image stands in {before} already"
            self._cases.fault(Kind.POINT, fault, image, where)
            return False
        self._named[reading][image] = where
        return True

    def _add(self, reading: str, image: str, name: str, cells: dict[str, str], where: str) -> None:
        points = self._lists[reading]
        if len(cells) == 2 and all(map(is_missing, cells.values())):
            points.add(image, name, None, where)
            return
        numbers = numbers_of(cells)
        if isinstance(numbers, str) or len(numbers) != 2:
            why = numbers if isinstance(numbers, str) else "there are not two numbers"
            points.fault(image, f"the landmark {name}: {why}", where)
        else:
            points.add(image, name, numbers, where)


def part_of(image: str) -> str | None:
    """The part of the challenge that an image belongs to, by its number; None: to none."""
    number = int(image) if re.fullmatch(r"\d{3}", image) else 0
    return next((name for name, numbers in SETS.items() if number in numbers), None)
