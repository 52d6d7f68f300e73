"""Which box of a case finds which object: COCO's matching by IoU, and the hit rules of FROC."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from lightning_modules.metrics.box_overlap import (
    Array,
    Flags,
    as_boxes,
    centre_distances,
    centres,
    overlaps,
    sides,
)

Indices = npt.NDArray[np.intp]
PAIRS = 2**20
"""Boxes with objects whose overlap is computed at once."""
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


class Near(NamedTuple):
    """Pairs of a box and an object of the same case that overlap, of all cases.

    Attributes:
        boxes: Index of the box of each pair, ``(P,)``, among those of all cases one after another.
        objects: Index of its object or region, ``(P,)``, likewise.
        overlaps: IoU, of regions the share of the box that lies inside, ``(P,)``.
    """

    boxes: Indices
    objects: Indices
    overlaps: Array

    @classmethod
    def of(cls, cases: Sequence[ClassCase]) -> "Near":
        """Of some cases, at least one."""
        boxes, truth = (
            np.concatenate([own.boxes for own in cases]),
            np.concatenate([own.truth for own in cases]),
        )
        crowd = np.concatenate([own.crowd for own in cases])
        objects = np.array([len(own.truth) for own in cases])
        cases_of = np.repeat(np.arange(len(cases)), [len(own.boxes) for own in cases])
        count = objects[cases_of]
        first = (np.cumsum(objects) - objects)[cases_of]
        parts = [
            cls._some(boxes, truth, crowd, part, first[part], count[part])
            for part in _in_parts(count)
        ]
        return cls(*map(np.concatenate, zip(*parts, strict=True)))

    @classmethod
    def _some(
        cls, boxes: Array, truth: Array, crowd: Flags, part: Indices, first: Indices, count: Indices
    ) -> "Near":
        """Of some boxes, each with ``count`` objects from the ``first``."""
        of_box = np.repeat(part, count)
        before = np.repeat(np.cumsum(count) - count, count)
        of_object = np.repeat(first, count) + np.arange(len(of_box)) - before
        shared = overlaps(boxes[of_box], truth[of_object], crowd[of_object])
        return cls(of_box, of_object, shared).where(shared > 0)

    def where(self, kept: Flags) -> "Near":
        """Some of the pairs."""
        return Near(self.boxes[kept], self.objects[kept], self.overlaps[kept])


def _in_parts(count: Indices) -> list[Indices]:
    """Boxes by their index, some at a time, with about so many pairs as are held at once."""
    total = np.cumsum(count)
    cuts = np.searchsorted(total, np.arange(PAIRS, total[-1] if len(total) else 0, PAIRS))
    return np.split(np.arange(len(count)), cuts)


def match_by_iou(
    near: Near,
    boxes: int,
    crowd: Flags,
    threshold: float,
    outside: tuple[Flags, Flags] | None = None,
) -> Matches:
    """Match boxes with objects as COCO does.

    From the highest score each box takes the object with which it overlaps most, at ``threshold``
    or above, among those that are not taken; where there is none it may fall on what is ignored.
    Cases do not disturb each other, so that all of them are matched at once.

    Args:
        near: Boxes and objects that overlap.
        boxes: How many there are, N.
        crowd: Regions in which nothing counts, ``(M,)``; any number of boxes may fall on one.
        threshold: Smallest overlap, above 0.
        outside: Boxes and objects of another size than is asked for, ``(N,)`` and ``(M,)``: such an
            object is ignored, and such a box unless it finds one that counts.

    References:
        Lin et al., "Microsoft COCO: Common objects in context", ECCV 2014, and pycocotools.
    """
    boxes_outside, truth_outside = outside or (np.zeros(boxes, bool), np.zeros_like(crowd))
    found, ignored = np.full(boxes, -1, np.intp), boxes_outside.copy()
    spared = crowd | truth_outside
    near = near.where(near.overlaps >= min(threshold, 1 - 1e-10))
    # what counts before what is spared, then by overlap; of equal ones COCO takes the last
    order = np.lexsort((-near.objects, -near.overlaps, spared[near.objects], near.boxes))
    takers, taken = _first_free(near.boxes[order], near.objects[order], crowd)
    ignored[takers] = spared[taken]
    found[takers] = np.where(spared[taken], -1, taken)
    return Matches(found, ignored)


def _first_free(boxes: Indices, objects: Indices, shared: Flags) -> tuple[Indices, Indices]:
    """Boxes that get an object, and which: box after box the first that nobody has or all share."""
    chosen: list[int] = []
    gone, last = bytearray(len(shared)), -1
    keeps = (~shared[objects]).tolist()
    pairs = zip(boxes.tolist(), objects.tolist(), keeps, strict=True)
    for at, (box, each, alone) in enumerate(pairs):
        if box != last and not gone[each]:
            last = box
            gone[each] = alone
            chosen.append(at)
    return boxes[chosen], objects[chosen]


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
