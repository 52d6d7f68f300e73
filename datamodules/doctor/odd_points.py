"""Landmarks that lie otherwise in a case than in the others, and landmarks that say the same."""

import warnings
from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from datamodules.problems import Kind, Problem

Places = NDArray[np.float64]
"""``(cases, K, axes)``, in mm, or in pixels; NaN: not marked."""
FEWEST_CASES = 8
"""With fewer nobody knows what is usual."""
MOST_SPREADS = 4.0
"""By how many times the usual spread a landmark may lie beside where the others let expect it."""
LEAST_SPREAD = 0.01
"""Of the size of the whole: what lies more exactly than this in all cases is not odd for that."""
ANCHORS = 40
"""So many landmarks the place of one is compared with, spread over their list."""
TRIED = 12
"""Odd landmarks of a case of which every two are exchanged, to see whether they then fit."""
NAMED = 4
"""Landmarks of a case that a warning names."""
TO_SIGMA = 1.4826
"""From a median absolute deviation to the standard deviation of a normal distribution."""


def odd_points(names: Sequence[str], case_ids: Sequence[str], places: Places) -> Iterator[Problem]:
    """Warn of cases in which landmarks lie far from where the other landmarks let expect them.

    A landmark is looked at from the others of its case, one by one, at a common size; how far it is
    from the median over cases is counted in their spread, and the median over the others counts:
    one that is wrong does not make the others seem so.

    Args:
        names: Of the landmarks.
        case_ids: Of the cases.
        places: In the order of both.
    """
    if len(case_ids) < FEWEST_CASES or len(names) < 2:
        return
    usual = UsualPlaces(places)
    for case_id, there, own in zip(case_ids, places, usual.spreads(places), strict=True):
        odd = [int(at) for at in np.argsort(-np.nan_to_num(own)) if own[at] > MOST_SPREADS]
        if odd:
            yield _odd(case_id, names, odd, own, _exchanged(odd, there, usual))


class UsualPlaces:
    """Where each landmark lies as seen from the others, and how much that varies over cases.

    Args:
        places: Of all cases.
    """

    def __init__(self, places: Places) -> None:
        count = places.shape[1]
        self._anchors = np.unique(
            np.linspace(0, count - 1, min(count, ANCHORS)).round().astype(int)
        )
        self._apart = _median(self._distances(places))
        self._middle = np.zeros((count, len(self._anchors), places.shape[2]))
        self._spread = np.ones_like(self._middle)
        least = LEAST_SPREAD * float(np.nanmax(self._apart, initial=0))
        sizes = self._sizes(places)
        for number in range(count):
            beside = self._beside(places, number, sizes)
            self._middle[number] = _median(beside)
            away = np.abs(beside - self._middle[number])
            self._spread[number] = TO_SIGMA * _median(away) + least

    def spreads(self, places: Places) -> NDArray[np.float64]:
        """By how many spreads each landmark lies beside where the others let expect it.

        Returns:
            ``(cases, K)``; NaN: not marked, or alone.
        """
        found = np.full(places.shape[:2], np.nan)
        sizes = self._sizes(places)
        for number in range(places.shape[1]):
            away = np.abs(self._beside(places, number, sizes) - self._middle[number])
            found[:, number] = _median((away / self._spread[number]).max(axis=2), axis=1)
        return found

    def _beside(self, places: Places, number: int, sizes: NDArray[np.float64]) -> Places:
        """A landmark as seen from each anchor but itself, ``(cases, anchors, axes)``."""
        beside = (places[:, number, None] - places[:, self._anchors]) / sizes[:, None, None]
        beside[:, self._anchors == number] = np.nan
        return beside

    def _sizes(self, places: Places) -> NDArray[np.float64]:
        """How much larger each case is than the usual one."""
        usual = np.where(self._apart > 0, self._apart, np.nan)
        sizes = _median(self._distances(places) / usual, axis=1)
        return np.where(sizes > 0, sizes, np.nan)

    def _distances(self, places: Places) -> NDArray[np.float64]:
        first, second = np.triu_indices(len(self._anchors), k=1)
        seen = places[:, self._anchors]
        return np.asarray(np.linalg.norm(seen[:, first] - seen[:, second], axis=2))


def same_points(names: Sequence[str], places: Places) -> Iterator[Problem]:
    """Warn of landmarks that lie in one place in most cases, or in the same one in all of them.

    Args:
        names: Of the landmarks.
        places: In their order.
    """
    marked = ~np.isnan(places[..., 0])
    for number, name in enumerate(names):
        both = marked[:, number, None] & marked
        equal = both & (places[:, number, None] == places).all(axis=2)
        for other in range(number + 1, len(names)):
            count, of = int(equal[:, other].sum()), int(both[:, other].sum())
            if count * 2 > of:
                same = f"it lies where '{names[other]}' does in {count} of {of} cases"
                yield Problem(Kind.POINT, f"'{name}'", same, "warning")
        own = places[marked[:, number], number]
        if len(own) >= FEWEST_CASES and (own == own[0]).all():
            fixed = f"it lies in the same place in all {len(own)} cases"
            yield Problem(Kind.POINT, f"'{name}'", fixed, "warning")


def _median(values: NDArray[np.float64], axis: int = 0) -> NDArray[np.float64]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # what is nowhere marked has no median
        return np.asarray(np.nanmedian(values, axis=axis))


def _exchanged(odd: Sequence[int], own: Places, usual: UsualPlaces) -> list[tuple[int, int]]:
    """Pairs of odd landmarks of a case of which each lies where the other is expected."""
    pairs = []
    for first, second in combinations(odd[:TRIED], 2):
        changed = own.copy()
        changed[[first, second]] = own[[second, first]]
        trial = usual.spreads(changed[None])[0]
        if max(trial[first], trial[second]) <= MOST_SPREADS:
            pairs.append((first, second))
    return pairs


def _odd(
    case_id: str,
    names: Sequence[str],
    odd: Sequence[int],
    spreads: NDArray[np.float64],
    exchanged: Sequence[tuple[int, int]],
) -> Problem:
    listed = ", ".join(f"{names[at]} ({spreads[at]:.0f})" for at in odd[:NAMED])
    more = f" and {len(odd) - NAMED} more" if len(odd) > NAMED else ""
    message = (
        f"landmarks lie far from where the others let expect them, in usual spreads: {listed}{more}"
    )
    if exchanged:
        pairs = (f"{names[first]} and {names[second]}" for first, second in exchanged[:NAMED])
        message += f"; these seem to have changed places: {', '.join(pairs)}"
    return Problem(Kind.POINT, f"case '{case_id}'", message, "warning", case_id)
