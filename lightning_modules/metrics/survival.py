"""Figures of survival: concordance, Brier score, Kaplan-Meier curves, the log-rank test."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Events = npt.NDArray[np.bool_]


class Concordance:
    """Harrell's c-index, for any weights of the cases.

    Two cases can be compared where it is known who lived longer: the event happened to the one, and
    the other was followed up for longer, or as long without an event. Equal risks count a half.

    Args:
        risk: The higher, the sooner the event is expected, ``(n,)``.
        time: Of follow-up, ``(n,)``.
        event: Whether the event happened then, ``(n,)``.

    References:
        Harrell et al., "Multivariable prognostic models", Statistics in Medicine 1996.
    """

    def __init__(self, risk: Array, time: Array, event: Events) -> None:
        later = time[None, :] > time[:, None]
        outlived = (time[None, :] == time[:, None]) & ~event[None, :]
        self.comparable = (event[:, None] & (later | outlived)).astype(np.float64)
        higher = np.sign(risk[:, None] - risk[None, :])
        self.concordant = self.comparable * (higher + 1) / 2

    def __call__(self, weights: Array) -> Array:
        """From weights ``(B, n)`` to ``(B,)``; NaN where no two cases can be compared."""
        pairs = ((weights @ self.comparable) * weights).sum(1)
        right = ((weights @ self.concordant) * weights).sum(1)
        return np.asarray(
            np.divide(right, pairs, out=np.full(len(weights), np.nan), where=pairs > 0)
        )


class Curve(NamedTuple):
    """A Kaplan-Meier curve for each of some weightings.

    Attributes:
        times: Different times of follow-up, rising, ``(u,)``.
        survival: Probability of living beyond each, ``(B, u)``.
        at_risk: Weight of the cases that are followed up until each or longer, ``(B, u)``.
    """

    times: Array
    survival: Array
    at_risk: Array

    def at(self, times: Array) -> Array:
        """Probability of living beyond some times, ``(B, m)``."""
        return self._step(np.searchsorted(self.times, times, side="right"))

    def before(self, times: Array) -> Array:
        """Probability of living until some times, ``(B, m)``."""
        return self._step(np.searchsorted(self.times, times, side="left"))

    def _step(self, steps: npt.NDArray[np.int64]) -> Array:
        started = np.concatenate([np.ones((len(self.survival), 1)), self.survival], axis=1)
        return started[:, steps]


def kaplan_meier(time: Array, event: Events, weights: Array) -> Curve:
    """Share of the cases that lives beyond each time, in spite of censoring.

    Args:
        time: Of follow-up, ``(n,)``.
        event: Whether the event happened then, ``(n,)``.
        weights: Of the cases, ``(B, n)``.

    References:
        Kaplan and Meier, "Nonparametric estimation from incomplete observations", JASA 1958.
    """
    times, at = np.unique(time, return_inverse=True)
    leaving = _by_time(weights, at, len(times))
    dying = _by_time(weights * event, at, len(times))
    at_risk = np.cumsum(leaving[:, ::-1], axis=1)[:, ::-1]
    lost = np.divide(dying, at_risk, out=np.zeros_like(dying), where=at_risk > 0)
    return Curve(times, np.cumprod(1 - lost, axis=1), at_risk)


def integrated_brier(
    survival: Array, horizons: Array, time: Array, event: Events, weights: Array
) -> Array:
    """Mean over time of the squared error of survival, weighted against censoring.

    Args:
        survival: Predicted probability of living beyond each horizon, ``(n, H)``.
        horizons: Rising times, ``(H,)``; the mean runs from the first to the last.
        time: Of follow-up, ``(n,)``.
        event: Whether the event happened then, ``(n,)``.
        weights: Of the cases, ``(B, n)``.

    Returns:
        ``(B,)``; NaN without horizons, or where nobody is known to live beyond the last.

    References:
        Graf et al., "Assessment and comparison of prognostic classification schemes for survival
        data", Statistics in Medicine 1999.
    """
    if not len(horizons):
        return np.full(len(weights), np.nan)
    censoring = kaplan_meier(time, ~event, weights)
    dead = event[:, None] & (time[:, None] <= horizons)
    alive = time[:, None] > horizons
    of_dead = _inverse(censoring.before(time)) * weights
    of_alive = _inverse(censoring.at(horizons))
    error = of_dead @ (dead * survival**2) + of_alive * (weights @ (alive * (1 - survival) ** 2))
    error = error / weights.sum(1, keepdims=True)
    error[~((weights @ alive) > 0).all(1)] = np.nan
    if len(horizons) == 1:
        return np.asarray(error[:, 0])
    return np.asarray(np.trapezoid(error, horizons, axis=1) / (horizons[-1] - horizons[0]))


class LogRank(NamedTuple):
    """What a log-rank test found.

    Attributes:
        statistic: Chi-squared with one degree of freedom.
        p: Chance of as large a one if both groups lived alike.
    """

    statistic: float
    p: float


def log_rank(time: Array, event: Events, group: Events) -> LogRank:
    """Whether two groups live unlike; NaN where one is empty or nothing happens.

    Args:
        time: Of follow-up, ``(n,)``.
        event: Whether the event happened then, ``(n,)``.
        group: Which cases are of the first group, ``(n,)``.

    References:
        Mantel, "Evaluation of survival data and two new rank order statistics", 1966.
    """
    from scipy.stats import chi2

    times, at = np.unique(time, return_inverse=True)
    weights = np.stack([np.ones(len(time)), group.astype(np.float64)])
    leaving = _by_time(weights, at, len(times))
    risk, own_risk = np.cumsum(leaving[:, ::-1], axis=1)[:, ::-1]
    deaths, own_deaths = _by_time(weights * event, at, len(times))
    share = own_risk / risk
    spread = deaths * share * (1 - share) * (risk - deaths) / np.maximum(risk - 1, 1)
    if spread.sum() <= 0:
        return LogRank(float("nan"), float("nan"))
    statistic = float((own_deaths - deaths * share).sum() ** 2 / spread.sum())
    return LogRank(statistic, float(chi2.sf(statistic, 1)))


def _by_time(weights: Array, at: npt.NDArray[np.int64], count: int) -> Array:
    """Weights ``(B, n)`` added up for each of the different times, ``(B, count)``."""
    order = np.argsort(at, kind="stable")
    starts = np.searchsorted(at[order], np.arange(count))
    return np.asarray(np.add.reduceat(weights[:, order], starts, axis=1))


def _inverse(share: Array) -> Array:
    return np.divide(1, share, out=np.zeros_like(share), where=share > 0)
