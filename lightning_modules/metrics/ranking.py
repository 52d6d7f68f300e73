"""Areas under the ROC and precision-recall curves: exact, ties included, over bootstrap weights."""

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]


class Ranking:
    """One label's cases sorted by score, once, for any number of weightings.

    An area is a sum over the distinct scores of positives, each compared with the weight of the
    negatives above it and of those tied with it; only these weights change between samples.
    """

    def __init__(self, scores: Array, targets: Array) -> None:
        """Sort.

        Args:
            scores: Finite scores, shape ``(n,)``; higher means more likely positive.
            targets: 1 positive, 0 negative, NaN not known (left out), shape ``(n,)``.
        """
        self._is_positive = (targets == 1).astype(np.float64)
        self._is_negative = (targets == 0).astype(np.float64)
        self._positives = _descending(scores, np.flatnonzero(targets == 1))
        self._negatives = _descending(scores, np.flatnonzero(targets == 0))
        positive, negative = -scores[self._positives], -scores[self._negatives]
        self._starts = np.flatnonzero(np.diff(positive, prepend=np.nan) != 0)
        self._above = np.searchsorted(negative, positive[self._starts], side="left")
        self._not_below = np.searchsorted(negative, positive[self._starts], side="right")
        self._tied = bool(np.any(self._above != self._not_below))

    def auroc(self, weights: Array) -> Array:
        """Area under the ROC curve for weights ``(B, n)``; NaN where a class has no weight."""
        hits, above, not_below = self._counts(weights)
        lost = np.einsum("bk,bk->b", hits, above)
        if self._tied:
            lost = (lost + np.einsum("bk,bk->b", hits, not_below)) / 2
        pairs = (weights @ self._is_positive) * (weights @ self._is_negative)
        with np.errstate(invalid="ignore"):
            return np.asarray(1 - lost / pairs)

    def average_precision(self, weights: Array) -> Array:
        """Average precision for weights ``(B, n)``; NaN where a class has no weight."""
        hits, _, false = self._counts(weights)
        called = np.cumsum(hits, axis=1)
        with np.errstate(invalid="ignore"):
            precision = np.where(hits > 0, called / (called + false), 0.0)
            area = np.einsum("bk,bk->b", hits, precision) / (weights @ self._is_positive)
        return np.where(weights @ self._is_negative > 0, area, np.nan)

    def _counts(self, weights: Array) -> tuple[Array, Array, Array]:
        """At each distinct score of a positive: positives there, negatives above, and not below."""
        hits = weights.take(self._positives, axis=1)
        if len(self._starts) < len(self._positives):
            hits = np.add.reduceat(hits, self._starts, axis=1)
        negatives = np.zeros((len(weights), len(self._negatives) + 1))
        np.cumsum(weights.take(self._negatives, axis=1), axis=1, out=negatives[:, 1:])
        above = negatives.take(self._above, axis=1)
        return hits, above, negatives.take(self._not_below, axis=1) if self._tied else above


def auroc(scores: Array, targets: Array, weights: Array | None = None) -> Array:
    """Area under the ROC curve: the chance that a positive scores above a negative, ties half.

    Args:
        scores: Finite scores, shape ``(n,)``.
        targets: 1, 0, or NaN for not known, shape ``(n,)``.
        weights: Multiplicities of the cases, float64 ``(B, n)``; none: every case once.

    Returns:
        Shape ``(B,)``, or ``(1,)`` without weights; NaN where a class is absent.

    References:
        Hanley and McNeil, "The meaning and use of the area under a ROC curve", Radiology 1982.
    """
    if weights is not None:
        return Ranking(scores, targets).auroc(weights)
    positive = np.sort(scores[np.flatnonzero(targets == 1)])
    negative = np.sort(scores[np.flatnonzero(targets == 0)])
    if not len(positive) or not len(negative):
        return np.full(1, np.nan)
    below = np.searchsorted(negative, positive, side="left")
    tied = np.flatnonzero(negative[np.minimum(below, len(negative) - 1)] == positive)
    ties = np.searchsorted(negative, positive[tied], side="right") - below[tied]
    return np.array([(below.sum() + ties.sum() / 2) / len(positive) / len(negative)])


def average_precision(scores: Array, targets: Array, weights: Array | None = None) -> Array:
    """Average precision: precision at each distinct score, weighted by the recall that it adds.

    Arguments and result are those of :func:`auroc`. Without a negative the figure would be 1
    whatever the scores, and counts as undefined.
    """
    weights = np.ones((1, len(scores))) if weights is None else weights
    return Ranking(scores, targets).average_precision(weights)


def roc_curve(scores: Array, targets: Array) -> tuple[Array, Array, Array]:
    """Corners of the ROC curve: false-positive rate, sensitivity, threshold; needs both classes."""
    from sklearn import metrics  # takes half a second, and training needs none of it

    known = ~np.isnan(targets)
    false_positive_rate, sensitivity, thresholds = metrics.roc_curve(targets[known], scores[known])
    return false_positive_rate, sensitivity, thresholds


def precision_recall_curve(scores: Array, targets: Array) -> tuple[Array, Array, Array]:
    """Precision, recall and threshold at each distinct score, from the highest; needs a positive.

    The closing point that scikit-learn adds at recall 0, which has no threshold, is left out.
    """
    from sklearn import metrics

    known = ~np.isnan(targets)
    precision, recall, thresholds = metrics.precision_recall_curve(targets[known], scores[known])
    return precision[-2::-1], recall[-2::-1], thresholds[::-1]


def _descending(scores: Array, indices: Indices) -> Indices:
    return np.asarray(indices[np.argsort(-scores[indices])])
