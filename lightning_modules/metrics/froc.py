"""FROC: the share of objects found against false positives an image, over bootstrap weights."""

import numpy as np

from lightning_modules.metrics.ranked_boxes import Array, RankedBoxes, in_parts

RATES = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
"""False positives an image at which sensitivity is read."""


def froc(boxes: RankedBoxes, weights: Array, rates: tuple[float, ...] = RATES) -> Array:
    """Sensitivity at some numbers of false positives an image.

    It is read from the curve through all distinct scores, which begins at nothing found and is
    straight between its points; beyond its end sensitivity stays what it is. The mean over
    :data:`RATES` is LUNA16's competition performance metric (CPM). There an image is a scan; of
    several boxes on one nodule the one with the highest score counts, and boxes on findings that do
    not count are neither hits nor false positives.

    Args:
        boxes: Of one class, matched by a hit rule.
        weights: Multiplicities of the cases, float64 ``(B, n)``; cases without objects count as
            images too.
        rates: False positives an image.

    Returns:
        In 0..1, ``(B, len(rates))``; NaN where there is no object.

    References:
        Setio et al., "Validation, comparison, and combination of algorithms for automatic detection
        of pulmonary nodules", Medical Image Analysis 2017.
    """
    if not len(weights):
        return np.empty((0, len(rates)))
    parts = in_parts(weights, len(boxes.scores))
    return np.concatenate([_sensitivities(boxes, part, rates) for part in parts])


def froc_curve(boxes: RankedBoxes, weights: Array) -> tuple[Array, Array]:
    """False positives an image and sensitivity after each distinct score, ``(B, K + 1)``.

    Arguments are those of :func:`froc`; the first point is where nothing is called.
    """
    last = np.flatnonzero(np.diff(boxes.scores, append=np.nan) != 0)
    own = weights.take(boxes.cases, axis=1)
    hits = np.cumsum(own * boxes.found, axis=1).take(last, axis=1)
    false = np.cumsum(own * ~boxes.found, axis=1).take(last, axis=1)
    objects = weights @ boxes.objects
    with np.errstate(invalid="ignore", divide="ignore"):
        rate = false / weights.sum(axis=1)[:, None]
        share = hits / np.where(objects > 0, objects, np.nan)[:, None]
    return np.pad(rate, ((0, 0), (1, 0))), np.pad(share, ((0, 0), (1, 0)))


def _sensitivities(boxes: RankedBoxes, weights: Array, rates: tuple[float, ...]) -> Array:
    curves = zip(*froc_curve(boxes, weights), strict=True)
    found = np.array([np.interp(rates, rate, share) for rate, share in curves])
    return np.where((weights @ boxes.objects > 0)[:, None], found, np.nan)
