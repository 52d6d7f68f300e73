"""Average precision of boxes, as COCO computes it, over bootstrap weights."""

import numpy as np

from lightning_modules.metrics.ranked_boxes import Array, RankedBoxes, in_parts

COCO_IOUS = tuple(np.linspace(0.5, 0.95, 10).tolist())
"""Thresholds of COCO's own figure."""
RECALLS = np.linspace(0, 1, 101)
"""Recalls at which precision is read."""
MOST_BOXES = 100
"""Of an image and class, those with the highest scores."""


def average_precision(boxes: RankedBoxes, weights: Array) -> Array:
    """Mean over 101 recalls of the highest precision that is reached at such a recall or above.

    Args:
        boxes: Of one class, matched at one threshold.
        weights: Multiplicities of the cases, float64 ``(B, n)``.

    Returns:
        In 0..1, ``(B,)``; 0 where nothing is found, NaN where there is no object.

    References:
        Lin et al., "Microsoft COCO: Common objects in context", ECCV 2014, and pycocotools, to
        which it is equal for whole weights.
    """
    if not len(weights):
        return np.empty(0)
    return np.concatenate([_areas(boxes, part) for part in in_parts(weights, len(boxes.scores))])


def _areas(boxes: RankedBoxes, weights: Array) -> Array:
    objects = weights @ boxes.objects
    places = np.flatnonzero(boxes.found)
    if not len(places):
        return np.where(objects > 0, 0.0, np.nan)
    called = np.cumsum(weights.take(boxes.cases[: places[-1] + 1], axis=1), axis=1)
    hits = np.cumsum(weights.take(boxes.cases[places], axis=1), axis=1)
    precision = hits / np.maximum(called.take(places, axis=1), np.finfo(np.float64).tiny)
    highest = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    with np.errstate(invalid="ignore", divide="ignore"):
        recall = hits / objects[:, None]
    area = np.empty(len(weights))
    for row, (reached, precise) in enumerate(zip(recall, highest, strict=True)):
        at = np.searchsorted(reached, RECALLS, side="left")
        area[row] = precise[at[at < len(precise)]].sum() / len(RECALLS)
    return np.where(objects > 0, area, np.nan)


def precision_recall(boxes: RankedBoxes) -> tuple[Array, Array, Array]:
    """Precision, recall and score after each box, from the highest score; needs an object."""
    hits = np.cumsum(boxes.found)
    return hits / np.arange(1, len(hits) + 1), hits / boxes.objects.sum(), boxes.scores
