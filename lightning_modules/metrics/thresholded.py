"""Figures of yes-or-no decisions, from confusion counts that are weighted sums."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


class Counts(NamedTuple):
    """Confusion counts, one of each for every weighting, each of shape ``(B,)``."""

    true_positives: Array
    false_positives: Array
    false_negatives: Array
    true_negatives: Array


def confusion_counts(called: npt.NDArray[np.bool_], targets: Array, weights: Array) -> Counts:
    """Count decisions against the truth.

    Args:
        called: Which cases are called positive (score >= threshold), shape ``(n,)``.
        targets: 1, 0, or NaN for not known (not counted), shape ``(n,)``.
        weights: Multiplicities of the cases, float64 ``(B, n)``.

    Returns:
        Exact counts, each ``(B,)``.
    """
    positive, negative = targets == 1, targets == 0
    groups = (called & positive, called & negative, ~called & positive, ~called & negative)
    return Counts(*(weights @ np.stack(groups, axis=1).astype(np.float64)).T)


def accuracy(counts: Counts) -> Array:
    """Share of decisions that are right."""
    right = counts.true_positives + counts.true_negatives
    return _ratio(right, right + counts.false_positives + counts.false_negatives)


def sensitivity(counts: Counts) -> Array:
    """Share of positives that are called positive; NaN without a positive."""
    return _ratio(counts.true_positives, counts.true_positives + counts.false_negatives)


def specificity(counts: Counts) -> Array:
    """Share of negatives that are called negative; NaN without a negative."""
    return _ratio(counts.true_negatives, counts.true_negatives + counts.false_positives)


def balanced_accuracy(counts: Counts) -> Array:
    """Mean of sensitivity and specificity; NaN where either is."""
    return (sensitivity(counts) + specificity(counts)) / 2


def ppv(counts: Counts) -> Array:
    """Positive predictive value (precision); NaN when nothing is called positive."""
    return _ratio(counts.true_positives, counts.true_positives + counts.false_positives)


def npv(counts: Counts) -> Array:
    """Negative predictive value; NaN when nothing is called negative."""
    return _ratio(counts.true_negatives, counts.true_negatives + counts.false_negatives)


def f1(counts: Counts) -> Array:
    """Harmonic mean of sensitivity and PPV; NaN without a positive, 0 when none is found."""
    positives = counts.true_positives + counts.false_negatives
    called = counts.true_positives + counts.false_positives
    return np.where(positives > 0, _ratio(2 * counts.true_positives, positives + called), np.nan)


THRESHOLDED: Mapping[str, Callable[[Counts], Array]] = {
    "accuracy": accuracy,
    "balanced_accuracy": balanced_accuracy,
    "sensitivity": sensitivity,
    "specificity": specificity,
    "ppv": ppv,
    "npv": npv,
    "f1": f1,
}
"""Every figure of a decision, by its name in metrics.json."""


def _ratio(part: Array, whole: Array) -> Array:
    return np.divide(part, whole, out=np.full_like(whole, np.nan), where=whole > 0)
