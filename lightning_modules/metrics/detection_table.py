"""Rows of a detector as arrays, for each class: its boxes matched with its objects."""

from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np

from lightning_modules.metrics.average_precision import MOST_BOXES
from lightning_modules.metrics.box_overlap import Array, Flags, as_boxes, box_sizes
from lightning_modules.metrics.detection_matches import (
    ClassCase,
    HitRule,
    Indices,
    Matches,
    Near,
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
    def near(self) -> Near:
        """Boxes and objects that overlap, of all cases one after another."""
        return Near.of(self.cases)

    @cached_property
    def box_starts(self) -> Indices:
        """Where the boxes of each case begin among all of them, and how many there are."""
        return np.cumsum([0, *(len(case.boxes) for case in self.cases)])

    @cached_property
    def object_starts(self) -> Indices:
        """Likewise of objects and regions."""
        return np.cumsum([0, *(len(case.truth) for case in self.cases)])

    @cached_property
    def box_cases(self) -> Indices:
        """The case of each box, ``(N,)``."""
        return np.repeat(np.arange(len(self.cases)), np.diff(self.box_starts))

    @cached_property
    def crowd(self) -> Flags:
        """Which objects are regions in which nothing counts, ``(M,)``."""
        return np.concatenate([np.empty(0, bool), *(case.crowd for case in self.cases)])

    @cached_property
    def sizes(self) -> tuple[Array, Array]:
        """Of boxes ``(N,)`` and objects ``(M,)``: in mm to the number of axes, else in voxels."""
        voxels = [np.prod(case.spacing) for case in self.cases]
        of_boxes = [box_sizes(case.boxes) for case in self.cases]
        of_truth = [box_sizes(case.truth) for case in self.cases]
        return (
            np.concatenate([np.empty(0), *map(np.multiply, of_boxes, voxels)]),
            np.concatenate([np.empty(0), *map(np.multiply, of_truth, voxels)]),
        )

    @property
    def object_sizes(self) -> Array:
        """Of all objects that count."""
        return self.sizes[1][~self.crowd]

    def by_overlap(
        self, threshold: float, sizes: Sizes | None = None, most: int | None = MOST_BOXES
    ) -> RankedBoxes:
        """Boxes matched as COCO does.

        Args:
            threshold: Smallest IoU.
            sizes: Of objects that are asked for; None: all.
            most: Boxes of an image, those with the highest scores; None: all.
        """
        count, near, outside, counted = len(self.box_cases), self.near, None, ~self.crowd
        shown = np.ones(count, bool)
        if most is not None:
            shown = np.arange(count) - self.box_starts[self.box_cases] < most
            near = near.where(shown[near.boxes])
        if sizes is not None:
            outside = (~_within(self.sizes[0], sizes), ~_within(self.sizes[1], sizes))
            counted = counted & ~outside[1]
        match = match_by_iou(near, count, self.crowd, threshold, outside)
        return self._rank(match, counted, shown & ~match.ignored)

    def matches(self, rule: HitRule, threshold: float) -> list[Matches]:
        """What every box hits, case by case; ``threshold`` is that of the rule ``iou``."""
        if rule != "iou":
            return [match_by_distance(case, rule) for case in self.cases]
        match = match_by_iou(self.near, len(self.box_cases), self.crowd, threshold)
        first = self.object_starts[self.box_cases]
        found = np.where(match.found >= 0, match.found - first, -1)
        cuts = self.box_starts[1:-1]
        parts = zip(np.split(found, cuts), np.split(match.ignored, cuts), strict=True)
        return [Matches(*part) for part in parts][: len(self.cases)]

    def by_hits(self, matches: Sequence[Matches]) -> RankedBoxes:
        """All boxes by what they hit, from :meth:`matches`."""
        none = Matches(np.empty(0, np.intp), np.empty(0, bool))
        match = Matches(*map(np.concatenate, zip(none, *matches, strict=True)))
        return self._rank(match, ~self.crowd, ~match.ignored)

    def counts(self, matches: Sequence[Matches]) -> Array:
        """Hits, false positives and objects missed of each case at the operating point, (n, 3)."""
        found = []
        for case, match, called in zip(self.cases, matches, self.called or (), strict=True):
            hits = int((called & (match.found >= 0)).sum())
            false = int((called & (match.found < 0) & ~match.ignored).sum())
            found.append((hits, false, int((~case.crowd).sum()) - hits))
        return np.array(found, dtype=np.float64).reshape(-1, 3)

    @cached_property
    def _ranking(self) -> tuple[Array, Indices]:
        """Scores of all boxes, and their order: equal ones in the order of the cases."""
        scores = np.concatenate([np.empty(0), *self.scores])
        return scores, np.argsort(-scores, kind="stable")

    def _rank(self, match: Matches, counted: Flags, kept: Flags) -> RankedBoxes:
        """Boxes that are kept, of all cases, and how many objects each case has that count."""
        scores, order = self._ranking
        order = order[kept[order]]
        cases = np.repeat(np.arange(len(self.cases)), np.diff(self.object_starts))[counted]
        return RankedBoxes(
            scores[order],
            self.box_cases[order],
            match.found[order] >= 0,
            np.bincount(cases, minlength=len(self.cases)).astype(np.float64),
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
    called: Flags = np.zeros(len(scores), np.bool_)
    if "called" in row:
        called = np.asarray(row["called"], np.bool_)
    order = np.lexsort((-scores, labels))
    boxes, scores, called = boxes[order], scores[order], called[order]
    cuts = np.searchsorted(labels[order], np.arange(classes + 1)).tolist()
    found = []
    for index, own in enumerate(map(slice, cuts[:-1], cuts[1:])):
        there = (true_labels == index) | (true_labels == -1)
        case = ClassCase(boxes[own], truth[there], ignored[there], row["spacing"])
        found.append((case, scores[own], called[own]))
    return found


def _within(sizes: Array, limits: Sizes) -> Flags:
    return np.asarray((sizes >= limits[0]) & (sizes <= limits[1]))
