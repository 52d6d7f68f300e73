"""Rows of a detector as arrays, for each class: its boxes matched with its objects."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from lightning_modules.metrics.average_precision import MOST_BOXES
from lightning_modules.metrics.box_overlap import Array, as_boxes, box_sizes
from lightning_modules.metrics.detection_matches import (
    ClassCase,
    Flags,
    HitRule,
    Matches,
    match_by_distance,
    match_by_iou,
)
from lightning_modules.metrics.detection_rows import DetectionRow
from lightning_modules.metrics.ranked_boxes import RankedBoxes

Sizes = tuple[float, float]
"""Smallest and largest size of what is asked for, both included: area or volume."""


class ClassTable:
    """One class in all cases.

    Attributes:
        name: Of the class.
        cases: Its boxes and objects in each case.
        scores: Of its boxes in each case, descending.
        called: Which boxes reach the operating point, in each case; None: there is none.
    """

    def __init__(
        self,
        name: str,
        cases: Sequence[ClassCase],
        scores: Sequence[Array],
        called: Sequence[Flags] | None,
    ) -> None:
        self.name, self.cases, self.scores, self.called = name, cases, scores, called

    @cached_property
    def overlaps(self) -> list[Array]:
        """Of boxes and objects in each case."""
        return [case.overlaps() for case in self.cases]

    @cached_property
    def sizes(self) -> list[tuple[Array, Array]]:
        """Of boxes and objects in each case: in mm to the number of axes, else in voxels."""
        return [
            (box_sizes(case.boxes) * voxel, box_sizes(case.truth) * voxel)
            for case in self.cases
            for voxel in [np.prod(case.spacing)]
        ]

    @property
    def object_sizes(self) -> Array:
        """Of all objects that count."""
        pairs = zip(self.sizes, self.cases, strict=True)
        return np.concatenate([np.empty(0), *(own[1][~case.crowd] for own, case in pairs)])

    def by_overlap(
        self, threshold: float, sizes: Sizes | None = None, most: int | None = MOST_BOXES
    ) -> RankedBoxes:
        """Boxes matched as COCO does.

        Args:
            threshold: Smallest IoU.
            sizes: Of objects that are asked for; None: all.
            most: Boxes of an image, those with the highest scores; None: all.
        """
        matches, objects = [], []
        for index, case in enumerate(self.cases):
            overlaps, outside, counts = self.overlaps[index][:most], None, ~case.crowd
            if sizes is not None:
                of_boxes, of_truth = (~_within(own, sizes) for own in self.sizes[index])
                outside, counts = (of_boxes[:most], of_truth), counts & ~of_truth
            matches.append(match_by_iou(overlaps, case.crowd, threshold, outside))
            objects.append(counts.sum())
        return self._rank(matches, objects)

    def matches(self, rule: HitRule, threshold: float) -> list[Matches]:
        """What every box hits, case by case; ``threshold`` is that of the rule ``iou``."""
        if rule == "iou":
            pairs = zip(self.overlaps, self.cases, strict=True)
            return [match_by_iou(own, case.crowd, threshold) for own, case in pairs]
        return [match_by_distance(case, rule) for case in self.cases]

    def by_hits(self, matches: Sequence[Matches]) -> RankedBoxes:
        """All boxes by what they hit, from :meth:`matches`."""
        return self._rank(matches, [(~case.crowd).sum() for case in self.cases])

    def counts(self, matches: Sequence[Matches]) -> Array:
        """Hits, false positives and objects missed of each case at the operating point, (n, 3)."""
        found = []
        for case, match, called in zip(self.cases, matches, self.called or (), strict=True):
            hits = int((called & (match.found >= 0)).sum())
            false = int((called & (match.found < 0) & ~match.ignored).sum())
            found.append((hits, false, int((~case.crowd).sum()) - hits))
        return np.array(found, dtype=np.float64).reshape(-1, 3)

    def _rank(self, matches: Sequence[Matches], objects: Sequence[Any]) -> RankedBoxes:
        kept = [np.flatnonzero(~match.ignored) for match in matches]
        scores = [own[at] for own, at in zip(self.scores, kept, strict=True)]
        found = [match.found[at] >= 0 for match, at in zip(matches, kept, strict=True)]
        cases = np.repeat(np.arange(len(kept)), [len(at) for at in kept])
        return RankedBoxes.rank(
            np.concatenate([np.empty(0), *scores]),
            cases,
            np.concatenate([np.empty(0, bool), *found]),
            np.array(objects, dtype=np.float64),
        )


def build_tables(
    rows: Sequence[DetectionRow],
    classes: Sequence[str],
    thresholds: Mapping[str, float] | None = None,
) -> list[ClassTable]:
    """A table a class; cases in the order of their ids.

    Args:
        rows: One row a case.
        classes: In the order of the labels.
        thresholds: Score from which a box is called, by class; rows that hold what was called need
            none.
    """
    ordered = sorted(rows, key=lambda row: row["case_id"])
    own_calls = bool(ordered) and all("called" in row for row in ordered)
    parts = [_by_class(row, len(classes)) for row in ordered]
    tables = []
    for index, name in enumerate(classes):
        cases = [part[index][0] for part in parts]
        scores = [part[index][1] for part in parts]
        called: list[Flags] | None = None
        if own_calls:
            called = [part[index][2] for part in parts]
        elif thresholds:
            called = [own >= thresholds[name] for own in scores]
        tables.append(ClassTable(name, cases, scores, called))
    return tables


def _by_class(row: DetectionRow, classes: int) -> list[tuple[ClassCase, Array, Flags]]:
    axes = len(row["spacing"])
    boxes, truth = as_boxes(row["boxes"], axes), as_boxes(row["truth"], axes)
    scores = np.asarray(row["scores"], dtype=np.float64)
    labels, true_labels = np.asarray(row["labels"], int), np.asarray(row["truth_labels"], int)
    ignored: Flags = np.asarray(row["ignored"], dtype=np.bool_)
    called: npt.NDArray[np.bool_] = np.asarray(row.get("called", [False] * len(scores)), np.bool_)
    found = []
    for index in range(classes):
        own = np.flatnonzero(labels == index)
        own = own[np.argsort(-scores[own], kind="stable")]
        there = (true_labels == index) | (true_labels == -1)
        case = ClassCase(boxes[own], truth[there], ignored[there], row["spacing"])
        found.append((case, scores[own], called[own]))
    return found


def _within(sizes: Array, limits: Sizes) -> Flags:
    return np.asarray((sizes >= limits[0]) & (sizes <= limits[1]))
