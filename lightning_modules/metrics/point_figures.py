"""One figure of landmarks or of measures: what it rests on, and its value for weights of cases."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lightning_modules.metrics.agreement import intraclass_correlation
from lightning_modules.metrics.intervals import Figure
from lightning_modules.metrics.weighted_ranks import WeightedRanks

Array = npt.NDArray[np.float64]
Known = npt.NDArray[np.bool_]


class PointFigure(NamedTuple):
    """One figure.

    Attributes:
        known: What it rests on, of each case and landmark ``(n, m)``, or of each case ``(n, 1)``.
        compute: From weights ``(B, n)`` to its values ``(B,)``; NaN is undefined.
        why_not: Why it is undefined where there is something to rest on.
    """

    known: Known
    compute: Callable[[Array], Array]
    why_not: str = ""

    def explain(self, figure: Figure, patients: Sequence[str], noun: str) -> Figure:
        """Add how many cases it rests on, what was left out, and why there is no value.

        Args:
            figure: Computed.
            patients: Of each case.
            noun: What ``known`` counts: points or cases.
        """
        cases = [at for at, known in enumerate(self.known) if known.any()]
        missing, size = int((~self.known).sum()), self.known.size
        what = "not marked" if noun == "points" else "a point that is needed is not marked"
        reasons = [f"{missing} of {size} {noun} left out: {what}" if missing else None]
        if missing == size:
            reasons = [f"undefined in all {size} {noun}: {what}"]
        elif figure.value is None:
            reasons.append(self.why_not)
        return replace(
            figure,
            cases=len(cases),
            patients=len({patients[at] for at in cases}),
            reason="; ".join(filter(None, (*reasons, figure.reason))) or None,
        )


def mean_of(values: Array) -> PointFigure:
    """Mean over everything that is defined; values ``(n, m)``, NaN is undefined."""
    known = ~np.isnan(values)
    total, count = np.where(known, values, 0.0).sum(axis=1), known.sum(axis=1).astype(np.float64)

    def compute(weights: Array) -> Array:
        drawn = weights @ count
        found = np.full(len(weights), np.nan)
        np.divide(weights @ total, drawn, out=found, where=drawn > 0)
        return found

    return PointFigure(known, compute)


def share_within(values: Array, most: float) -> PointFigure:
    """Share of what is defined that is at most so large."""
    return mean_of(np.where(np.isnan(values), np.nan, values <= most))


def deviation_of(values: Array) -> PointFigure:
    """Standard deviation of everything that is defined, with n - 1."""
    known = ~np.isnan(values)
    middle = values[known].mean() if known.any() else 0.0
    shifted, count = np.where(known, values - middle, 0.0), known.sum(axis=1).astype(np.float64)
    total, squares = shifted.sum(axis=1), (shifted**2).sum(axis=1)

    def compute(weights: Array) -> Array:
        drawn = weights @ count
        spread = weights @ squares - (weights @ total) ** 2 / np.maximum(drawn, 1)
        found = np.sqrt(np.maximum(spread, 0) / np.maximum(drawn - 1, 1))
        return np.where(drawn > 1, found, np.nan)

    return PointFigure(known, compute, "one point only")


def quantile_of(values: Array, share: float) -> PointFigure:
    """Quantile of everything that is defined, found anew in each bootstrap sample."""
    known = ~np.isnan(values)
    if not known.any():
        return PointFigure(known, _undefined)
    ranks = WeightedRanks(values[known], np.nonzero(known)[0])
    return PointFigure(known, lambda weights: ranks.quantile(weights, share))


def rank_correlation(first: Array, second: Array) -> PointFigure:
    """Spearman's, over everything that is defined in both; ``(n, m)`` each."""
    known = ~np.isnan(first) & ~np.isnan(second)
    if not known.any():
        return PointFigure(known, _undefined)
    one, other = (WeightedRanks(each[known], np.nonzero(known)[0]) for each in (first, second))
    why = "all confidences, or all errors, are equal"
    return PointFigure(known, lambda weights: one.correlation(other, weights), why)


def means_of_halves(values: Array, by: Array) -> tuple[PointFigure, PointFigure]:
    """Mean of the values where the others are low, and where they are high; ``(n, m)`` each."""
    known = ~np.isnan(values) & ~np.isnan(by)
    if not known.any():
        return PointFigure(known, _undefined), PointFigure(known, _undefined)
    ranks, own = WeightedRanks(by[known], np.nonzero(known)[0]), values[known]
    low, high = (lambda weights, at=at: ranks.means_of_halves(own, weights)[at] for at in (0, 1))
    why = "all confidences are equal"
    return PointFigure(known, low, why), PointFigure(known, high, why)


def agreement_of(first: Array, second: Array) -> PointFigure:
    """Intraclass correlation of two measurements of the same cases, ``(n,)`` each."""
    known = ~np.isnan(first) & ~np.isnan(second)
    pairs = np.where(known[:, None], np.stack([first, second], axis=1), 0.0)

    def compute(weights: Array) -> Array:
        return intraclass_correlation(pairs, weights * known)

    return PointFigure(known[:, None], compute, "it needs two cases that differ")


def _undefined(weights: Array) -> Array:
    return np.full(len(weights), np.nan)
