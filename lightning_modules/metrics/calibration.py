"""How far probabilities can be taken at their word: Brier score, log-loss, calibration error."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

CLIP = 1e-7
"""Probabilities stay this far from 0 and 1 in the log-loss: one case costs 16.1 at most."""
BINS = 15
"""Bins of equal width of the calibration error, as in Guo et al., ICML 2017."""


def brier(scores: Array, targets: Array, weights: Array) -> Array:
    """Mean squared difference between probability and truth; 0 is best.

    Args:
        scores: Probabilities, shape ``(n,)``.
        targets: 1, 0, or NaN for not known (left out), shape ``(n,)``.
        weights: Multiplicities of the cases, float64 ``(B, n)``.

    Returns:
        Shape ``(B,)``; NaN where no case is known.

    References:
        Brier, "Verification of forecasts expressed in terms of probability", 1950.
    """
    return weighted_mean((scores - targets) ** 2, weights)


def log_loss(scores: Array, targets: Array, weights: Array) -> Array:
    """Mean negative log-likelihood (nats) of the truth, probabilities clipped at 1e-7; 0 is best.

    Arguments and result are those of :func:`brier`.
    """
    clipped = np.clip(scores, CLIP, 1 - CLIP)
    return weighted_mean(-(targets * np.log(clipped) + (1 - targets) * np.log1p(-clipped)), weights)


def ece(scores: Array, targets: Array, weights: Array) -> Array:
    """Expected calibration error: mean distance of probability and observed share, bin by bin.

    Fifteen bins of equal width, closed on the left, the last one on both sides. Arguments and
    result are those of :func:`brier`; for classes that exclude one another see :func:`top_class`.

    References:
        Guo et al., "On calibration of modern neural networks", ICML 2017.
    """
    known = ~np.isnan(targets)
    distances = np.zeros((len(scores), BINS))
    distances[known, bin_of(scores[known])] = (targets - scores)[known]
    return _divide(np.abs(weights @ distances).sum(axis=1), weights @ known.astype(np.float64))


def top_class(scores: Array, targets: Array) -> tuple[Array, Array]:
    """Reduce classes that exclude one another to whether the likeliest one is right.

    Args:
        scores: Probabilities, shape ``(n, C)``.
        targets: One-hot, or NaN where not known, shape ``(n, C)``.

    Returns:
        Probability of the likeliest class ``(n,)``, and 1 where it is the truth, else 0, NaN where
        not known ``(n,)``.
    """
    rows = np.arange(len(scores))
    return scores.max(axis=1), targets[rows, scores.argmax(axis=1)]


class Reliability(NamedTuple):
    """Points of a reliability curve: one for each bin that holds a case."""

    probability: Array
    observed: Array
    cases: npt.NDArray[np.int64]


def reliability(scores: Array, targets: Array) -> Reliability:
    """Mean probability, observed share and number of known cases in each bin of :func:`ece`."""
    known = ~np.isnan(targets)
    bins = bin_of(scores[known])
    cases = np.bincount(bins, minlength=BINS)
    held = cases > 0
    probability = np.bincount(bins, scores[known], BINS)[held] / cases[held]
    observed = np.bincount(bins, targets[known], BINS)[held] / cases[held]
    return Reliability(probability, observed, cases[held])


def bin_of(scores: Array) -> npt.NDArray[np.intp]:
    """Bin that each probability falls into, 0 to 14."""
    return np.clip((scores * BINS).astype(np.intp), 0, BINS - 1)


def weighted_mean(values: Array, weights: Array) -> Array:
    """Mean over the cases ``(n,)`` whose value is not NaN, for each weighting ``(B, n)``."""
    known = ~np.isnan(values)
    return _divide(weights @ np.where(known, values, 0.0), weights @ known.astype(np.float64))


def _divide(part: Array, whole: Array) -> Array:
    return np.divide(part, whole, out=np.full_like(whole, np.nan), where=whole > 0)
