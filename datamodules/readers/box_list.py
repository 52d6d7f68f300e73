"""The boxes that a reader finds: sound ones by case, and what is wrong with the others."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from datamodules.candidates import Space, VolumeCandidate
from datamodules.cases import CaseTable
from datamodules.problems import Kind, Problem
from datamodules.readers.case_list import CaseList

FaultyBoxes = Literal["drop", "refuse"]
"""What becomes of boxes that have no area, are inverted, or are given twice."""
MOST_SHOWN = 5
"""Places that a notice names; ``check`` names all."""


class BoxList:
    """Takes boxes one by one, keeps those that can be learned from, and says what the others are.

    A box that is not made of numbers is always a fault; one that only draws nothing, or draws again
    what is drawn already, is left out with a warning, or refused.

    Args:
        cases: Gathers the faults.
        faulty: Which of both.
    """

    def __init__(self, cases: CaseList, faulty: FaultyBoxes) -> None:
        self._cases = cases
        self._faulty = faulty
        self._warnings: list[Problem] = []
        self._boxes: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
        self._ignored: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
        self._labels: dict[str, None] = {}
        self._seen: dict[tuple[Any, ...], str] = {}

    def add(
        self,
        case_id: str,
        label: str,
        low: Sequence[float],
        size: Sequence[float],
        where: str,
        *,
        space: Space = "voxel",
        ignored: bool = False,
    ) -> None:
        """Take a box.

        Args:
            case_id: Whose it is.
            label: What it is drawn around.
            low: Its corner with the lowest numbers: two of an image (x, y), three of a volume.
            size: Its sides.
            where: File, and row or object in it.
            space: What boxes in volumes are given in.
            ignored: Whether it is a region in which nothing counts.
        """
        numbers = ", ".join(f"{value:g}" for value in (*low, *size))
        key = (case_id, label, ignored, *low, *size)
        if not all(map(math.isfinite, (*low, *size))):
            self.fault(case_id, f"the box {label} {numbers} is not made of numbers", where)
        elif min(size) <= 0:
            ends = "is inverted" if min(size) < 0 else "has no area"
            self._leave_out(case_id, f"the box {label} {numbers} (corner and size) {ends}", where)
        elif key in self._seen:
            again = f"the box {label} {numbers} is that of {self._seen[key]} again"
            self._leave_out(case_id, again, where)
        else:
            self._seen[key] = where
            self._labels[label] = None
            kept = self._ignored if ignored else self._boxes
            kept[case_id].append(_annotation(label, low, size, space))

    def fault(self, case_id: str, message: str, where: str) -> None:
        """Gather a box that cannot be used."""
        self._cases.fault(Kind.BOX, message, case_id, where)

    def targets(self, case_id: str, axes: int = 2) -> dict[str, Any]:
        """Annotations of a case: of one without boxes an empty list, as it is known to have none.

        Args:
            case_id: Of the case.
            axes: 2 of an image, 3 of a volume.
        """
        name = "boxes" if axes == 2 else "volume_boxes"
        targets = {name: self._boxes.get(case_id, [])}
        if case_id in self._ignored:
            targets[f"ignored_{name}"] = self._ignored[case_id]
        return targets

    def table(self, name: str, objects: Sequence[str] = (), **common: Any) -> CaseTable:  # noqa: ANN401 - CaseTable's own
        """What a reader returns.

        Args:
            name: Of the dataset.
            objects: What boxes may be drawn around, in order; empty: what they are, sorted. Those
                that no box is drawn around are left out.
            common: Further fields of the :class:`CaseTable`.

        Raises:
            FaultyCasesError: If there are problems; holds the table nevertheless.
            DataError: If there is no case.
        """
        drawn = tuple(each for each in objects if each in self._labels)
        absent = [each for each in objects if each not in self._labels]
        if absent and drawn:
            self._cases.notices.append(f"Without any box, and left out: {', '.join(absent)}.")
        if self._warnings:
            self._cases.notices.append(_left_out(self._warnings))
        return self._cases.table(
            name,
            objects=drawn or tuple(objects) or tuple(sorted(self._labels)),
            warnings=(*self._warnings, *common.pop("warnings", ())),
            **common,
        )

    def _leave_out(self, case_id: str, message: str, where: str) -> None:
        if self._faulty == "refuse":
            advice = "mend it, or say --data.reader.faulty-boxes drop"
            self.fault(case_id, f"{message}; {advice}", where)
            return
        left_out = f"{message}; it is left out"
        self._warnings.append(Problem(Kind.BOX, where, left_out, "warning", case_id))


def _annotation(
    label: str, low: Sequence[float], size: Sequence[float], space: Space
) -> tuple[Any, ...]:
    if len(low) == 2:
        return (label, *low, *size)
    (i, j, k), (di, dj, dk) = low, size
    return label, VolumeCandidate(space, (i, j, k), (di, dj, dk))


def _left_out(warnings: Sequence[Problem]) -> str:
    places = ", ".join(each.where for each in warnings[:MOST_SHOWN])
    more = ", ..." * (len(warnings) > MOST_SHOWN)
    return f"Boxes without area or given twice, left out: {len(warnings)} ({places}{more})."


def four_numbers(values: object) -> tuple[float, float, float, float] | None:
    """A list of four numbers, as JSON has them; None where it is something else."""
    if not isinstance(values, Sequence) or len(values) != 4:
        return None
    if any(isinstance(value, bool) or not isinstance(value, int | float) for value in values):
        return None
    a, b, c, d = map(float, values)
    return a, b, c, d


def numbers_of(cells: Mapping[str, str]) -> list[float] | str:
    """Numbers of some cells by their columns; a text says which is none."""
    numbers = []
    for column, cell in cells.items():
        try:
            numbers.append(float(cell))
        except ValueError:
            return f"its {column} is '{cell}', which is no number"
    return numbers
