"""Draws which patients go to validation, to test, and to each fold, stratum by stratum."""

import random
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from statistics import quantiles

from datamodules.cases import Case

Unit = Sequence[Case]
"""Cases that stay together: those of one patient, or of patients who share images."""

CARRY = 0.5
"""Share of the shortfall left by earlier strata that a stratum makes good: with none the rounding
of many small strata adds up, with all of it a small stratum may miss a side."""
QUARTERS = 4
BOXES = ("boxes", "volume_boxes")


def draw_stratified(
    units: Sequence[Unit], fractions: Mapping[str, float], *, by_site: bool, seed: int
) -> dict[str, str]:
    """Divide units by the largest shortfall of cases, in shuffled order within each stratum.

    Args:
        units: At least one more than there are fractions.
        fractions: Share of the cases for each side; the rest is for ``train``.
        by_site: Strata are of one site as well as of one target.
        seed: Decides the order; the order of the units does not matter.

    Returns:
        Side of every case id; no side is empty.
    """
    shares = {"train": 1 - sum(fractions.values()), **fractions}
    dealt = _deal(_strata(units, by_site, seed), shares)
    return {case.case_id: side for unit, side in dealt for case in unit}


def draw_folds(units: Sequence[Unit], folds: int, *, by_site: bool, seed: int) -> list[list[Unit]]:
    """Divide units into folds with as many cases each, and as many of each stratum.

    Args:
        units: At least as many as there are folds.
        folds: How many.
        by_site: Strata are of one site as well as of one target.
        seed: Decides the order; the order of the units does not matter.

    Returns:
        The units of each fold; none is empty.
    """
    shares = {str(fold): 1 / folds for fold in range(folds)}
    dealt = _deal(_strata(units, by_site, seed), shares)
    return [[unit for unit, name in dealt if name == fold] for fold in shares]


def _deal(strata: Sequence[Sequence[Unit]], shares: Mapping[str, float]) -> list[tuple[Unit, str]]:
    """Give each unit to the side that is shortest of its share; no side is left empty."""
    owed = dict.fromkeys(shares, 0.0)
    sides: list[tuple[Unit, str]] = []
    for stratum in strata:
        size = sum(len(unit) for unit in stratum)
        short = {side: share * size for side, share in shares.items()}
        for unit in stratum:
            side = max(shares, key=lambda name: short[name] + CARRY * owed[name])
            short[side] -= len(unit)
            sides.append((unit, side))
        owed = {side: owed[side] + short[side] for side in shares}
    return _fill_empty(sides, shares)


def _strata(units: Sequence[Unit], by_site: bool, seed: int) -> list[list[Unit]]:
    """Units by stratum, the rarest stratum first, shuffled within."""
    quarters = _quarters(units)
    counts = Counter(name for unit in units for name in _targets(unit, quarters))
    strata: dict[tuple[str, str], list[Unit]] = defaultdict(list)
    for unit in sorted(units, key=lambda unit: min(case.case_id for case in unit)):
        site = min((case.site or "" for case in unit), default="") if by_site else ""
        target = min(_targets(unit, quarters), key=lambda name: (counts[name], name))
        strata[target, site].append(unit)
    generator = random.Random(seed)
    ordered = [strata[key] for key in sorted(strata, key=lambda key: (len(strata[key]), key))]
    for stratum in ordered:
        generator.shuffle(stratum)
    return ordered


def _quarters(units: Sequence[Unit]) -> list[float]:
    """Times of follow-up between the quarters of all cases; empty where nobody was followed up."""
    times = [case.targets["time"] for unit in units for case in unit if "time" in case.targets]
    return quantiles(times, n=QUARTERS, method="inclusive") if len(times) > 1 else []


def _targets(unit: Unit, quarters: Sequence[float]) -> set[str]:
    """Classes and positive findings of a unit, or else the labels of its boxes.

    ``negative`` or ``unlabelled`` if there are none.

    Of cases that were followed up: whether the event happened, and in which quarter of time.
    """
    followed = [case.targets for case in unit if "time" in case.targets]
    if followed:
        return {
            f"{'event' if each['event'] else 'censored'} {bisect_left(quarters, each['time'])}"
            for each in followed
        }
    classes = {f"class {case.targets['class']}" for case in unit if "class" in case.targets}
    findings = [pair for case in unit for pair in case.targets.get("findings", {}).items()]
    positive = classes | {f"finding {name}" for name, value in findings if value == 1}
    given = [case.targets[name] for case in unit for name in BOXES if name in case.targets]
    boxed = {f"box {label}" for boxes in given for label, *_ in boxes}
    known = bool(given) or any(value is not None for _, value in findings)
    return positive or boxed or {"negative" if known else "unlabelled"}


def _fill_empty(
    sides: list[tuple[Unit, str]], shares: Mapping[str, float]
) -> list[tuple[Unit, str]]:
    """Give a side that rounding left empty the smallest unit of the side that has most units."""
    for empty in [side for side in shares if all(side != taken for _, taken in sides)]:
        largest = Counter(side for _, side in sides).most_common(1)[0][0]
        at = min(
            (at for at, (_, side) in enumerate(sides) if side == largest),
            key=lambda at: len(sides[at][0]),
        )
        sides[at] = (sides[at][0], empty)
    return sides
