"""ISBI 2015: lateral cephalograms with 19 landmarks, marked by two orthodontists."""

import re
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from datamodules.cases import Case, CaseTable
from datamodules.errors import DataError
from datamodules.problems import Kind
from datamodules.readers.case_list import CaseList
from datamodules.readers.cephalometric_marks import LANDMARKS, Marks, part_of
from datamodules.readers.file_templates import walk
from datamodules.readers.reader import ReaderSettings

SPACING_MM = (0.1, 0.1)
"""Of every image, as published; its files do not say it."""

_IMAGE = re.compile(r"(?:.*/)?(\d{3})\.(?:bmp|jpe?g|png|tiff?)", re.IGNORECASE)


class CephalometricReader(ReaderSettings):
    """The cephalograms of the ISBI 2015 challenge (Wang et al., MedIA 2016): one a patient.

    Expected under ``root``, as the challenge has them, or as tables::

        RawImage/TrainingData/001.bmp        and Test1Data/151.bmp, Test2Data/301.bmp
        400_senior/001.txt                   and 400_junior/001.txt: 19 lines with x,y

        images/001.jpg
        train_senior.csv                     and train_second.csv, test1_senior.csv, ...:
                                             image_path,1_x,1_y,...,19_x,19_y

    A pixel has 0.1 mm. Images 1 to 150 are for training and validation, 151 to 300 (Test 1) and 301
    to 400 (Test 2) for test: the attribute ``set``. A part of which no image is there is left out.
    """

    folder: ClassVar[str] = "cephalometric"
    kind: Literal["cephalometric"] = "cephalometric"
    annotator: Literal["senior", "second", "mean"] = "mean"
    """Whose marks are the truth: the senior doctor's, the second one's, or the mean of both; what
    is found is compared with the others as well."""
    test: Literal["test1", "test2", "both"] = "both"
    """Which of the two test sets of the challenge are test cases."""

    def list_cases(self) -> CaseTable:
        """List the images; see the base class."""
        cases = CaseList(self.existing_root())
        paths = list(walk(cases.root, "."))
        matches = ((_IMAGE.fullmatch(path), path) for path in paths)
        images = {match[1]: path for match, path in matches if match and part_of(match[1])}
        marks = Marks(cases, paths)
        if not images or not (marks.images or cases.problems):
            raise DataError(
                "no RawImage/TrainingData/001.bmp beside 400_senior/001.txt, nor images/001.jpg"
                " beside train_senior.csv, and the like; is this the dataset's folder?"
            )
        single = 0
        for case_id in sorted({*images, *marks.images}):
            part = part_of(case_id)
            if self.test not in ("both", part) and part != "train":
                continue
            readings = marks.of(case_id)
            single += len(readings) == 1 and case_id in images
            if case_id not in images:
                self._miss(cases, case_id, images)
            elif readings:
                cases.add(self._case(cases, case_id, images[case_id], readings))
        unmarked = {*images} - {*marks.images}
        cases.left_out("Images that nobody has marked", len(unmarked))
        if single:
            cases.notices.append(f"Images that only one of the two doctors has marked: {single}.")
        return cases.table(self.kind, points=LANDMARKS)

    def _miss(self, cases: CaseList, case_id: str, images: Mapping[str, str]) -> None:
        part = part_of(case_id)
        if any(part_of(each) == part for each in images):
            cases.fault(Kind.MISSING, f"it is marked, and there is no image {case_id}", case_id)

    def _case(
        self,
        cases: CaseList,
        case_id: str,
        path: str,
        readings: dict[str, dict[str, tuple[float, float]]],
    ) -> Case:
        if len(readings) == 2:
            readings = {**readings, "mean": _mean(*readings.values())}
        elif self.annotator == "mean":
            readings = {"mean": next(iter(readings.values())), **readings}
        targets: dict[str, Any] = {}
        if self.annotator in readings:
            targets["points"] = readings.pop(self.annotator)
        targets["readings"] = readings
        return Case(
            case_id,
            case_id,
            cases.images(case_id, {"image": path}),
            targets,
            attributes={"set": part_of(case_id)},
            split="train_val" if part_of(case_id) == "train" else "test",
            spacing_mm=SPACING_MM,
        )


def _mean(
    one: Mapping[str, tuple[float, float]], other: Mapping[str, tuple[float, float]]
) -> dict[str, tuple[float, float]]:
    """The mean of two readings, of the landmarks that both have marked."""
    both = [name for name in one if name in other]
    return {
        name: ((one[name][0] + other[name][0]) / 2, (one[name][1] + other[name][1]) / 2)
        for name in both
    }
