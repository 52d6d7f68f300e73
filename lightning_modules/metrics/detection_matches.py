"""Which box of a case finds which object: COCO's matching by IoU, and the hit rules of FROC."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from lightning_modules.metrics.box_overlap import (
    Array,
    as_boxes,
    centre_distances,
    centres,
    covered,
    iou,
    sides,
)

Flags = npt.NDArray[np.bool_]
Indices = npt.NDArray[np.intp]
HitRule = Literal["iou", "centre", "radius"]
"""When a box hits an object: IoU at least so much; its middle inside; middles less than half the
object's mean side apart."""


class Matches(NamedTuple):
    """What became of the boxes of one class in one case.

    Attributes:
        found: Index of the object that each box finds, -1: of none that counts, ``(N,)``.
        ignored: Boxes that count as nothing, ``(N,)``; what is neither is a false positive.
    """

    found: Indices
    ignored: Flags


@dataclass(frozen=True, eq=False)
class ClassCase:
    """Boxes and objects of one class in one case.

    Attributes:
        boxes: Float64 ``(N, 2 * axes)`` in voxels, from the highest score.
        truth: Likewise, ``(M, 2 * axes)``: objects, and regions in which nothing counts.
        crowd: Which of ``truth`` are such regions, ``(M,)``.
        spacing: Size of a voxel in mm; 1 where there is none.
    """

    boxes: Array
    truth: Array
    crowd: Flags
    spacing: Sequence[float]

    @classmethod
    def build(
        cls,
        boxes: Sequence[Sequence[float]] | Array,
        truth: Sequence[Sequence[float]] | Array,
        crowd: Sequence[bool] | Flags,
        spacing: Sequence[float],
    ) -> "ClassCase":
        """From plain lists."""
        axes = len(spacing)
        flags = np.asarray(crowd, dtype=np.bool_).reshape(-1)
        return cls(as_boxes(boxes, axes), as_boxes(truth, axes), flags, tuple(spacing))

    def overlaps(self) -> Array:
        """IoU of boxes and objects ``(N, M)``; of regions the share of the box inside."""
        if not len(self.boxes) or not len(self.truth):
            return np.zeros((len(self.boxes), len(self.truth)))
        found = iou(self.boxes, self.truth)
        if self.crowd.any():
            found[:, self.crowd] = covered(self.boxes, self.truth[self.crowd])
        return found


def match_by_iou(
    overlaps: Array, crowd: Flags, threshold: float, outside: tuple[Flags, Flags] | None = None
) -> Matches:
    """Match boxes with objects as COCO does.

    From the highest score each box takes the object with which it overlaps most, at ``threshold``
    or above, among those that are not taken; where there is none it may fall on what is ignored.

    Args:
        overlaps: Of :meth:`ClassCase.overlaps`, ``(N, M)``, boxes from the highest score.
        crowd: Regions in which nothing counts, ``(M,)``; any number of boxes may fall on one.
        threshold: Smallest overlap.
        outside: Boxes and objects of another size than is asked for, ``(N,)`` and ``(M,)``: such an
            object is ignored, and such a box unless it finds one that counts.

    References:
        Lin et al., "Microsoft COCO: Common objects in context", ECCV 2014, and pycocotools.
    """
    boxes_outside, truth_outside = outside or (np.zeros(len(overlaps), bool), np.zeros_like(crowd))
    found, ignored = np.full(len(overlaps), -1, np.intp), boxes_outside.copy()
    spared = crowd | truth_outside
    order = np.concatenate([np.flatnonzero(~spared), np.flatnonzero(spared)]).astype(np.intp)
    counted, shared = int((~spared).sum()), crowd[order].tolist()
    taken: set[int] = set()
    for box, near in _near(overlaps[:, order], min(threshold, 1 - 1e-10)).items():
        free = [(overlap, place) for overlap, place in near if place not in taken]
        wanted = [each for each in free if each[1] < counted] or free
        if not wanted:
            continue
        place = max(wanted)[1]  # of equal overlaps COCO takes the last
        if not shared[place]:
            taken.add(place)
        ignored[box] = place >= counted
        found[box] = -1 if ignored[box] else order[place]
    return Matches(found, ignored)


def _near(overlaps: Array, threshold: float) -> dict[int, list[tuple[float, int]]]:
    """Of each box that overlaps with anything enough: overlap and place of these, in order."""
    boxes, places = np.nonzero(overlaps >= threshold)
    values = overlaps[boxes, places].tolist()
    near: dict[int, list[tuple[float, int]]] = {}
    for box, place, value in zip(boxes.tolist(), places.tolist(), values, strict=True):
        near.setdefault(box, []).append((value, place))
    return near


def match_by_distance(case: ClassCase, rule: Literal["centre", "radius"]) -> Matches:
    """Match boxes with objects by the place of their middles.

    From the highest score each box finds the nearest object that it hits and that is not found yet.
    A box that hits only what is found already, or a region in which nothing counts, counts as
    nothing: neither hit nor false positive.

    References:
        Setio et al., "Validation, comparison, and combination of algorithms for automatic detection
        of pulmonary nodules" (LUNA16), Medical Image Analysis 2017, whose hit is ``radius``.
        Ehteshami Bejnordi et al., "Diagnostic assessment of deep learning algorithms for detection
        of lymph node metastases" (CAMELYON16), JAMA 2017.
    """
    found, ignored = np.full(len(case.boxes), -1, np.intp), np.zeros(len(case.boxes), bool)
    distances = centre_distances(case.boxes, case.truth, case.spacing)
    hits = _hits(case, rule, distances)
    taken = np.zeros(len(case.truth), bool)
    for box in np.flatnonzero(hits.any(axis=1)).tolist():
        free = np.flatnonzero(hits[box] & ~taken & ~case.crowd)
        if not len(free):
            ignored[box] = True
            continue
        found[box] = free[np.argmin(distances[box, free])]
        taken[found[box]] = True
    return Matches(found, ignored)


def _hits(case: ClassCase, rule: str, distances: Array) -> Flags:
    if rule == "radius":
        return np.asarray(distances < sides(case.truth, case.spacing).mean(axis=1)[None] / 2)
    low, high = np.split(case.truth[None], 2, axis=2)
    middles = centres(case.boxes)[:, None]
    return np.asarray(((middles >= low) & (middles < high)).all(axis=2))
