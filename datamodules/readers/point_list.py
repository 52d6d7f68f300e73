"""The landmarks that a reader finds: sound ones by case, and what is wrong with the others."""

import math
from collections import defaultdict
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

from datamodules.candidates import Space, VolumeCandidate
from datamodules.cases import CaseTable
from datamodules.problems import Kind
from datamodules.readers.case_list import CaseList

Place = tuple[float, float] | VolumeCandidate
"""Of a landmark in an image, or in a volume."""


class PointList:
    """Takes landmarks one by one, keeps those that can be learned from, and says what is wrong.

    Args:
        cases: Gathers the faults.
        names: What landmarks may be called, in order; empty: as they are, in the order in which
            they come.
    """

    def __init__(self, cases: CaseList, names: Sequence[str] = ()) -> None:
        self._cases = cases
        self._named = tuple(names)
        self._points: dict[str, dict[str, Place | None]] = defaultdict(dict)
        self._seen: dict[tuple[str, str], str] = {}
        self._order: dict[str, None] = dict.fromkeys(names)

    def add(
        self,
        case_id: str,
        name: str,
        place: Sequence[float] | None,
        where: str,
        *,
        space: Space = "voxel",
    ) -> None:
        """Take a landmark.

        Args:
            case_id: Whose it is.
            name: Of the landmark.
            place: Two numbers of an image (x, y), three of a volume; None: it is not marked.
            where: File, and row or object in it.
            space: What places in volumes are given in.
        """
        if self._named and name not in self._named:
            near = get_close_matches(name, self._named, n=1)
            hint = f"; did you mean '{near[0]}'?" if near else f" ({', '.join(self._named)})"
            self.fault(case_id, f"'{name}' is none of the landmarks{hint}", where)
        elif (case_id, name) in self._seen:
            again = f"the landmark {name} is given in {self._seen[case_id, name]} already"
            self.fault(case_id, again, where)
        elif place is not None and not all(map(math.isfinite, place)):
            numbers = ", ".join(f"{value:g}" for value in place)
            self.fault(case_id, f"the landmark {name} {numbers} is not made of numbers", where)
        else:
            self._seen[case_id, name] = where
            self._order[name] = None
            self._points[case_id][name] = None if place is None else placed(place, space)

    def fault(self, case_id: str | None, message: str, where: str) -> None:
        """Gather a landmark that cannot be used."""
        self._cases.fault(Kind.POINT, message, case_id, where)

    def targets(self, case_id: str, axes: int = 2) -> dict[str, Any]:
        """Annotations of a case; of one without landmarks, that none is marked.

        Args:
            case_id: Of the case.
            axes: 2 of an image, 3 of a volume.
        """
        return {"points" if axes == 2 else "volume_points": dict(self._points.get(case_id, {}))}

    def table(self, name: str, **common: Any) -> CaseTable:  # noqa: ANN401 - CaseTable's own
        """What a reader returns.

        Args:
            name: Of the dataset.
            common: Further fields of the :class:`CaseTable`.

        Raises:
            FaultyCasesError: If there are problems; holds the table nevertheless.
            DataError: If there is no case.
        """
        return self._cases.table(name, points=tuple(self._order), **common)


def placed(numbers: Sequence[float], space: Space = "voxel") -> Place:
    """The place that two numbers mean in an image (x, y), or three in a volume."""
    if len(numbers) == 2:
        return numbers[0], numbers[1]
    i, j, k = numbers
    return VolumeCandidate(space, (i, j, k))
