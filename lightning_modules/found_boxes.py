"""Boxes that were found in one case, and which of those that overlap are kept."""

from collections import defaultdict
from collections.abc import Sequence
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from lightning_modules.metrics.box_overlap import Boxes, as_boxes, iou
from lightning_modules.metrics.detection_rows import LEAST_SCORE, ScoredBoxes

DECIMALS = 6
"""Of scores in rows, which thresholds are chosen among."""
Flags = npt.NDArray[np.bool_]


class FoundBoxes(NamedTuple):
    """Boxes that were found in one case.

    Attributes:
        boxes: Float ``(N, 2 * axes)``, low corner and then high corner, in voxels.
        scores: Float ``(N,)``.
        labels: Positions among the classes, ``(N,)``.
    """

    boxes: Boxes
    scores: npt.NDArray[np.floating[Any]]
    labels: npt.NDArray[np.integer[Any]]

    @classmethod
    def from_lists(cls, values: ScoredBoxes, axes: int) -> "FoundBoxes":
        """Inverse of :meth:`as_lists`."""
        return cls(
            as_boxes(values["boxes"], axes),
            np.asarray(values["scores"], np.float64),
            np.asarray(values["labels"], np.int64),
        )

    def as_lists(self) -> ScoredBoxes:
        """Plain values for a row."""
        return ScoredBoxes(
            boxes=self.boxes.astype(np.float64).round(3).tolist(),
            scores=self.scores.astype(np.float64).round(DECIMALS).tolist(),
            labels=self.labels.tolist(),
        )

    def take(self, chosen: npt.NDArray[np.integer[Any]] | Flags) -> "FoundBoxes":
        """Some of them."""
        return FoundBoxes(self.boxes[chosen], self.scores[chosen], self.labels[chosen])

    def ranked(self) -> "FoundBoxes":
        """Those above the least score, from the highest."""
        order = np.argsort(-self.scores, kind="stable")
        return self.take(order[self.scores[order] > LEAST_SCORE])


def suppress(found: FoundBoxes, nms_ious: Sequence[float]) -> Flags:
    """Non-maximum suppression of each class, in 2D and 3D.

    Args:
        found: Boxes of one case, from the highest score.
        nms_ious: Thresholds: of two boxes that overlap more, the one with the lower score goes.

    Returns:
        Which are kept, ``(len(nms_ious), N)``.
    """
    kept = np.ones((len(nms_ious), len(found.scores)), np.bool_)
    limits = np.asarray(nms_ious)[:, None]
    for label in np.unique(found.labels).tolist():
        own = np.flatnonzero(found.labels == label)
        overlaps = iou(found.boxes[own], found.boxes[own])
        part = kept[:, own]
        near = np.flatnonzero((np.triu(overlaps, 1) > limits.min()).any(axis=1))
        for box in near.tolist():
            later = overlaps[box, box + 1 :][None] > limits
            part[:, box + 1 :] &= ~(later & part[:, box, None])
        kept[:, own] = part
    return kept


def suppress_many(found: FoundBoxes, nms_iou: float) -> Flags:
    """As :func:`suppress` with one threshold, of hundreds of thousands of boxes.

    Each is compared with those in the same cells of a grid only, not with all others.

    Args:
        found: Boxes of one case, from the highest score.
        nms_iou: As above.

    Returns:
        Which are kept, ``(N,)``.
    """
    kept = np.zeros(len(found.scores), np.bool_)
    if not len(kept):
        return kept
    low, high = np.split(found.boxes, 2, axis=1)
    cell = max(float((high - low).max(axis=1).mean()), 1.0)
    first, last = (np.floor(ends / cell).astype(int).tolist() for ends in (low, high))
    there: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for box, label in enumerate(found.labels.tolist()):
        ranges = (range(a, b + 1) for a, b in zip(first[box], last[box], strict=True))
        cells = list(product([label], *ranges))
        near = list({other for each in cells for other in there[each]})
        if near and (iou(found.boxes[[box]], found.boxes[near]) > nms_iou).any():
            continue
        kept[box] = True
        for each in cells:
            there[each].append(box)
    return kept
