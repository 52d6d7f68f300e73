"""Time in intervals: where they end, and what happens to cases in each."""

import numpy as np
from numpy.typing import NDArray


def interval_ends(follow_up: NDArray[np.float32], count: int) -> tuple[float, ...]:
    """Divide time at the quantiles of the times of events.

    Args:
        follow_up: Time, and event (1 or 0) of training cases, ``(n, 2)``.
        count: Intervals that are wanted.

    Returns:
        The end of each interval, rising, each the time of some event, so that an interval holds its
        end. The last is the longest follow-up. Fewer than wanted where events share their times.
    """
    time, event = follow_up.T
    happened = time[event == 1]
    shares = np.linspace(0, 1, count + 1)[1:-1]
    cuts = np.unique(np.quantile(happened, shares, method="inverted_cdf"))
    last = time.max()
    return (*(float(cut) for cut in cuts if cut < last), float(last))


def interval_of(time: NDArray[np.floating], ends: tuple[float, ...]) -> NDArray[np.int64]:
    """Number of the interval that each time lies in, from 0; whatever is later lies in the last."""
    return np.searchsorted(np.array(ends[:-1]), time, side="left").astype(np.int64)


def count_outcomes(
    follow_up: NDArray[np.float32], ends: tuple[float, ...]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Cases to whom the event happened in each interval, and those who lived through all of it.

    Args:
        follow_up: Time, and event (1 or 0), ``(n, 2)``.
        ends: Of the intervals.
    """
    lived, event = interval_of(follow_up[:, 0], ends), follow_up[:, 1] == 1
    numbers = np.arange(len(ends))[:, None]
    happened = (lived == numbers) & event
    survived = (lived > numbers) | ((lived == numbers) & ~event)
    return tuple(happened.sum(1).tolist()), tuple(survived.sum(1).tolist())
