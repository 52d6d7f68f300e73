"""The keypoints of COCO's files as landmarks: one object an image, whose category names them."""

from collections.abc import Sequence
from typing import Any

from datamodules.problems import Kind, Problem
from datamodules.readers.case_list import CaseList
from datamodules.readers.coco_files import CocoFile, Entry
from datamodules.readers.point_list import PointList

NUMBERS = 3
"""Of a keypoint: x, y, and 0 where it is not marked, 1 where it is hidden, 2 where it is seen."""


class Keypoints:
    """Takes the keypoints of annotations.

    Args:
        cases: Gathers what is wrong.
        files: Their categories name the keypoints.

    Attributes:
        names: Of all keypoints, in order.
        warnings: Keypoints that are left out.
    """

    def __init__(self, cases: CaseList, files: Sequence[CocoFile]) -> None:
        found = (name for file in files for own in file.keypoints.values() for name in own)
        self.names = tuple(dict.fromkeys(found))
        self.warnings: list[Problem] = []
        self._points = PointList(cases, self.names)
        self._taken: dict[str, str] = {}
        self._several: set[str] = set()

    def take(self, file: CocoFile, name: str, where: str, entry: Entry) -> bool:
        """Take the keypoints of an annotation, if it has any.

        Args:
            file: That the annotation stands in.
            name: The case.
            where: File and annotation.
            entry: The annotation; its category is known.

        Returns:
            Whether it has.
        """
        values = entry.get("keypoints")
        if not values or entry.get("iscrowd"):
            return False
        named = file.keypoints.get(entry["category_id"], ())
        if not named:
            self._leave_out(name, "its category does not name its keypoints", where)
        elif name in self._taken:
            both = (
                f"{self._taken[name]} has keypoints of the same image; landmarks are of one object"
            )
            self._several.add(name)
            self._leave_out(name, both, where)
        else:
            self._taken[name] = where
            self._add(name, named, values, where)
        return True

    def targets(self, name: str) -> dict[str, Any]:
        """Landmarks of a case; nothing where there are none, or of several objects."""
        if name not in self._taken or name in self._several:
            return {}
        return self._points.targets(name)

    @property
    def notices(self) -> list[str]:
        """What the report should say."""
        if not self.warnings:
            return []
        several = f" {len(self._several)} images have those of several objects." * bool(
            self._several
        )
        return [f"Keypoints of annotations, left out: {len(self.warnings)}.{several}"]

    def _add(self, name: str, named: Sequence[str], values: object, where: str) -> None:
        numbers = _numbers(values, NUMBERS * len(named))
        if numbers is None:
            fault = f"its keypoints are not x, y and visibility of each of {len(named)}"
            self._points.fault(name, fault, where)
            return
        for at, point in enumerate(named):
            x, y, visible = numbers[NUMBERS * at : NUMBERS * (at + 1)]
            self._points.add(name, point, (x, y) if visible else None, where)

    def _leave_out(self, name: str, why: str, where: str) -> None:
        message = f"{why}; they are left out"
        self.warnings.append(Problem(Kind.POINT, where, message, "warning", name))


def _numbers(values: object, count: int) -> list[float] | None:
    if not isinstance(values, Sequence) or len(values) != count:
        return None
    if any(isinstance(value, bool) or not isinstance(value, int | float) for value in values):
        return None
    return [float(value) for value in values]
