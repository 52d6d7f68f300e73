"""LUNA16: 888 chest CTs with 1,186 nodules, in ten subsets."""

import re
from collections.abc import Iterator
from typing import ClassVar, Literal

from pydantic import Field

from datamodules.cases import Case, CaseTable
from datamodules.errors import DataError
from datamodules.problems import Kind, problems_of
from datamodules.readers.box_list import BoxList, FaultyBoxes, numbers_of
from datamodules.readers.case_list import CaseList
from datamodules.readers.file_templates import walk
from datamodules.readers.reader import ReaderSettings
from datamodules.readers.tables import read_table

NODULE = "nodule"
ANNOTATIONS, EXCLUDED = "annotations.csv", "annotations_excluded.csv"
PLACE = ("coordX", "coordY", "coordZ")
DIAMETER = "diameter_mm"
COLUMNS = ("seriesuid", *PLACE, DIAMETER)
WITHOUT_PATIENTS = (
    "LUNA16 does not say whose scans are whose, and a few patients of LIDC-IDRI have two; the"
    " usual protocol is ten folds by the attribute 'subset'."
)

_SCAN = re.compile(r"(?:(?:.*/)?subset(\d)/)?(?:[^/]+/)*([0-9.]+)\.mhd")


class Luna16Reader(ReaderSettings):
    """LUNA16 (Setio et al., Medical Image Analysis 2017), https://luna16.grand-challenge.org.

    Expected under ``root``; not every subset has to be there::

        subset0/1.3.6.1.4.1.14519.5.2.1.6279.6001.*.mhd     and .raw; to subset9
        annotations.csv              seriesuid,coordX,coordY,coordZ,diameter_mm
        annotations_excluded.csv     findings that are neither; may be absent

    A nodule's box is the cube about it: its middle and diameter in mm. The excluded findings
    (smaller than 3 mm, seen by one or two of four radiologists, or no nodules) count neither as
    nodule nor as background.
    """

    folder: ClassVar[str] = "luna16"
    kind: Literal["luna16"] = "luna16"
    faulty_boxes: FaultyBoxes = "drop"
    """What becomes of nodules without a diameter, or given twice: left out, each with a warning of
    ``check``; or refused."""
    excluded_mm: float = Field(default=10.0, gt=0)
    """Diameter of excluded findings of which it is not known (-1), as the challenge's own
    evaluation takes it."""

    def list_cases(self) -> CaseTable:
        """List the scans; see the base class."""
        cases = CaseList(self.existing_root())
        scans = dict(sorted(_find(cases)))
        if not scans:
            raise DataError("no subset0/*.mhd to subset9/*.mhd; is this the folder of LUNA16?")
        boxes = BoxList(cases, self.faulty_boxes)
        annotated = self._read(cases, boxes, scans, ANNOTATIONS)
        if annotated and (cases.root / EXCLUDED).is_file():
            self._read(cases, boxes, scans, EXCLUDED)
        for uid, (path, subset) in scans.items():
            targets = boxes.targets(uid, axes=3) if annotated else {}
            attributes = {} if subset is None else {"subset": subset}
            inputs = cases.images(uid, {"image": path})
            cases.add(Case(uid, uid, inputs, targets, attributes=attributes))
        return boxes.table(
            self.kind,
            (NODULE,),
            public=True,
            has_patients=False,
            notices=(WITHOUT_PATIENTS,),
        )

    def _read(
        self, cases: CaseList, boxes: BoxList, scans: dict[str, tuple[str, str | None]], name: str
    ) -> bool:
        """Take the boxes of a table; whether it can be read."""
        try:
            table = read_table(cases.root, name, problems=cases.problems)
            table.require(COLUMNS)
        except DataError as error:
            cases.problems += problems_of(error)
            return False
        elsewhere = 0
        columns = [table.cells(column) for column in COLUMNS]
        for number, uid, *cells in zip(table.numbers, *columns, strict=True):
            if uid not in scans:
                elsewhere += 1
                continue
            numbers = numbers_of(dict(zip(COLUMNS[1:], cells, strict=True)))
            where = f"{name} row {number}, {uid}"
            if isinstance(numbers, str):
                boxes.fault(uid, numbers, where)
                continue
            *middle, diameter = numbers
            ignored = name == EXCLUDED
            if ignored and diameter <= 0:
                diameter = self.excluded_mm
            low = [at - diameter / 2 for at in middle]
            boxes.add(uid, NODULE, low, [diameter] * 3, where, space="lps-mm", ignored=ignored)
        cases.left_out(f"Rows of {name} of scans that are not there", elsewhere)
        return True


def _find(cases: CaseList) -> Iterator[tuple[str, tuple[str, str | None]]]:
    """Scans by their SeriesInstanceUID: path, and the subset."""
    found: dict[str, str] = {}
    for path in walk(cases.root, "."):
        match = _SCAN.fullmatch(path)
        if match is None:
            continue
        if (first := found.setdefault(match[2], path)) != path:
            both = f"{first} and {path} are one series; remove one"
            cases.fault(Kind.CASE_ID, both, match[2])
        else:
            yield match[2], (path, match[1])
