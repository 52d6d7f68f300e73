"""Figures of grades, where a decision that is farther off is worse."""

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


def quadratic_kappa(scores: Array, targets: Array, weights: Array) -> Array:
    """Agreement beyond chance of the likeliest grade with the truth, weighted by squared distance.

    Args:
        scores: Probability of each grade, ``(n, L)``, the lowest grade first.
        targets: One-hot ``(n, L)``; NaN where the grade is not known.
        weights: Multiplicities of the cases, float64 ``(B, n)``.

    Returns:
        ``(B,)``: 1 perfect, 0 as by chance; NaN where all decisions and truths are one grade.

    References:
        Cohen, "Weighted kappa", Psychological Bulletin 1968.
    """
    known = ~np.isnan(targets).any(axis=1)
    weights, grades = weights[:, known], np.arange(scores.shape[1])
    decided, truth = scores[known].argmax(axis=1), targets[known].argmax(axis=1)
    observed = weights @ ((decided - truth) ** 2).astype(np.float64)
    called, true = (weights @ (each[:, None] == grades).astype(float) for each in (decided, truth))
    distance = ((grades[:, None] - grades) ** 2).astype(np.float64)
    expected = np.einsum("bi,ij,bj->b", true, distance, called) / weights.sum(axis=1)
    chance = np.divide(observed, expected, out=np.full_like(observed, np.nan), where=expected > 0)
    return np.asarray(1 - chance)
