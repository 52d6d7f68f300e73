"""Weighted box fusion: one box from those that several views or models give of an object."""

from collections.abc import Sequence

import numpy as np

from lightning_modules.found_boxes import FoundBoxes
from lightning_modules.metrics.box_overlap import Array, Boxes, iou

LEAST_IOU = 0.55
"""Overlap above which boxes are of one object: that of the paper."""


def fuse_boxes(views: Sequence[FoundBoxes], least_iou: float = LEAST_IOU) -> FoundBoxes:
    """Fuse the boxes of several views of one case, or of several models.

    From the highest score each box joins the cluster of its class with whose fused box it overlaps
    most, or founds one. A fused box is the mean of its cluster, weighted by scores; its score is
    their mean, times the share of the views that have a box in the cluster (at most all).

    Args:
        views: What each found, in the same coordinates.
        least_iou: Overlap above which a box joins a cluster.

    Returns:
        Fused boxes, from the highest score.

    References:
        Solovyev et al., "Weighted boxes fusion", Image and Vision Computing 2021.
    """
    everything = FoundBoxes(*(np.concatenate(parts) for parts in zip(*views, strict=True)))
    parts = []
    for label in np.unique(everything.labels).tolist():
        own = everything.take(everything.labels == label)
        own = own.take(np.argsort(-own.scores, kind="stable"))
        boxes, scores = _fuse_class(own.boxes, own.scores, len(views), least_iou)
        parts.append(FoundBoxes(boxes, scores, np.full(len(scores), label)))
    if not parts:
        return everything
    fused = FoundBoxes(*(np.concatenate(each) for each in zip(*parts, strict=True)))
    return fused.take(np.argsort(-fused.scores, kind="stable"))


def _fuse_class(boxes: Boxes, scores: Boxes, views: int, least_iou: float) -> tuple[Array, Array]:
    fused, sums = np.zeros(boxes.shape), np.zeros(boxes.shape)
    totals, members = np.zeros(len(boxes)), np.zeros(len(boxes))
    clusters = 0
    for box, score in zip(boxes, scores, strict=True):
        overlap = iou(box[None], fused[:clusters])[0]
        best = int(np.argmax(overlap)) if clusters else -1
        if best < 0 or overlap[best] <= least_iou:
            best, clusters = clusters, clusters + 1
        sums[best] += score * box
        totals[best] += score
        members[best] += 1
        fused[best] = sums[best] / totals[best]
    counts = members[:clusters]
    return fused[:clusters], totals[:clusters] / counts * np.minimum(counts, views) / views
