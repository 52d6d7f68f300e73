"""Quantiles and rank correlation of what cases have several of, over bootstrap weights: exact."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]

BLOCK_SIZE = 2**21
"""Numbers held at once (16 MiB)."""


class WeightedRanks:
    """Values of cases, such as errors of their landmarks, sorted once for any weights of the cases.

    A weight says how often a case was drawn; the result is that of the values repeated so often.
    """

    def __init__(self, values: Array, cases: Indices) -> None:
        """Sort.

        Args:
            values: Finite, ``(m,)``.
            cases: Number of the case of each, ``(m,)``.
        """
        self._cases = cases
        self._order = np.argsort(values, kind="stable")
        ordered = values[self._order]
        self._starts = np.flatnonzero(np.diff(ordered, prepend=np.nan) != 0)
        self.distinct = ordered[self._starts]
        self._level = np.empty(len(values), np.intp)
        """Of each value, its number among the distinct ones."""
        sizes = np.diff(self._starts, append=len(values))
        self._level[self._order] = np.repeat(np.arange(len(self._starts)), sizes)

    def quantile(self, weights: Array, share: float) -> Array:
        """Quantile for weights ``(B, n)``, between two values as numpy has it; NaN without any."""

        def compute(block: Array) -> Array:
            reached = np.cumsum(self._counts(block), axis=1)
            place = share * (reached[:, -1] - 1)
            low, high = (self._at_place(reached, round_(place)) for round_ in (np.floor, np.ceil))
            found = low + (place - np.floor(place)) * (high - low)
            return np.where(reached[:, -1] > 0, found, np.nan)

        return self._in_blocks(compute, weights)

    def correlation(self, other: "WeightedRanks", weights: Array) -> Array:
        """Spearman's rank correlation with other values of the same cases, ``(B,)``.

        Args:
            other: Has as many values, in the same order.
            weights: ``(B, n)``.

        Returns:
            NaN where all of either are equal.

        References:
            Spearman, "The proof and measurement of association between two things", 1904.
        """

        def compute(block: Array) -> Array:
            repeats = block.take(self._cases, axis=1)
            middle = (repeats.sum(axis=1, keepdims=True) + 1) / 2
            first, second = (each.ranks(block) - middle for each in (self, other))
            together = np.einsum("bm,bm,bm->b", repeats, first, second)
            spread = np.einsum("bm,bm,bm->b", repeats, first, first)
            spread *= np.einsum("bm,bm,bm->b", repeats, second, second)
            found = np.full(len(block), np.nan)
            np.divide(together, np.sqrt(spread), out=found, where=spread > 0)
            return found

        return self._in_blocks(compute, weights)

    def ranks(self, weights: Array) -> Array:
        """Rank of each value for weights ``(B, n)``, from 1; ties have their mean, ``(B, m)``."""
        counts = self._counts(weights)
        ranks = np.cumsum(counts, axis=1)
        ranks -= (counts - 1) / 2
        return np.asarray(ranks.take(self._level, axis=1))

    def means_of_halves(self, values: Array, weights: Array) -> tuple[Array, Array]:
        """Mean of other values ``(m,)`` where these are low, and where they are high.

        What is tied in the middle counts in parts to both.

        Returns:
            Of the lower and of the upper half, ``(B,)`` each; NaN where all of these are equal.
        """

        def compute(block: Array) -> Array:
            counts, totals = self._counts(block), self._counts(block, values)
            reached = np.cumsum(counts, axis=1)
            half = reached[:, -1] / 2
            at = _first_above(reached, half)
            of = np.arange(len(block)), at
            share = (half - (reached[of] - counts[of])) / np.maximum(counts[of], 1)
            lower = np.cumsum(totals, axis=1)[of] - (1 - share) * totals[of]
            found = np.stack([lower, totals.sum(axis=1) - lower], axis=1)
            apart = (counts > 0).sum(axis=1) > 1
            return np.where(apart[:, None], found / np.maximum(half, 1)[:, None], np.nan)

        low, high = self._in_blocks(compute, weights).T
        return low, high

    def _counts(self, weights: Array, values: Array | None = None) -> Array:
        """How often each distinct value counts, from the least; or the sums of others there."""
        ordered = weights.take(self._cases[self._order], axis=1)
        if values is not None:
            ordered *= values[self._order]
        if len(self.distinct) < len(self._order):
            ordered = np.add.reduceat(ordered, self._starts, axis=1)
        return np.asarray(ordered)

    def _at_place(self, reached: Array, place: Array) -> Array:
        """The value at a place (from 0) of the sorted and repeated values."""
        return np.asarray(self.distinct[_first_above(reached, place)])

    def _in_blocks(self, compute: Callable[[Array], Array], weights: Array) -> Array:
        size = max(1, BLOCK_SIZE // max(1, len(self._cases)))
        blocks = [weights[start : start + size] for start in range(0, len(weights), size)]
        return np.concatenate([compute(block) for block in blocks])


def _first_above(reached: Array, place: Array) -> Indices:
    """In each row of ``(B, m)`` that rises, the first that is above; the last where none is."""
    at = [np.searchsorted(row, own, side="right") for row, own in zip(reached, place, strict=True)]
    return np.asarray(np.minimum(np.array(at, np.intp), reached.shape[1] - 1))
