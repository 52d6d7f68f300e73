"""Agreement of two or more measurements of the same cases, over bootstrap weights."""

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


def intraclass_correlation(measured: Array, weights: Array) -> Array:
    """Absolute agreement of single measurements: ICC(2,1), from a two-way random-effects model.

    Args:
        measured: Of each case by each of the raters, ``(n, k)``.
        weights: How often each case was drawn, ``(B, n)``.

    Returns:
        At most 1, ``(B,)``; NaN with fewer than two cases, or where nothing differs.

    References:
        Shrout and Fleiss, "Intraclass correlations: uses in assessing rater reliability",
        Psychological Bulletin 1979.
    """
    raters = measured.shape[1]
    cases = weights.sum(axis=1)
    of_raters = weights @ measured / np.maximum(cases, 1)[:, None]
    overall = of_raters.mean(axis=1)
    of_cases = measured.mean(axis=1)
    rows = raters * (weights * (of_cases[None] - overall[:, None]) ** 2).sum(axis=1)
    columns = cases * ((of_raters - overall[:, None]) ** 2).sum(axis=1)
    squares = sum(weights * (each[None] - overall[:, None]) ** 2 for each in measured.T)
    rest = np.asarray(squares).sum(axis=1) - rows - columns
    free = np.maximum(cases - 1, 1)
    rows, columns, rest = rows / free, columns / (raters - 1), rest / (free * (raters - 1))
    below = rows + (raters - 1) * rest + raters * (columns - rest) / np.maximum(cases, 1)
    found = np.full(len(weights), np.nan)
    np.divide(rows - rest, below, out=found, where=(below > 0) & (cases > 1))
    return found
