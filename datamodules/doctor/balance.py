"""How often each label holds on each side, and where that is too seldom."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from datamodules.cases import CaseTable
from datamodules.data_info import LabelSet
from datamodules.problems import Kind, Problem
from datamodules.splits import SIDES
from datamodules.targets import lacking_outcomes

MOST_IMBALANCED = 20
"""A rarer outcome than 1 to this many is a warning."""


@dataclass(frozen=True, slots=True)
class LabelCount:
    """One label on one side.

    Attributes:
        label: Its name.
        split: The side.
        positive: Cases in which it holds.
        negative: Cases in which it is known not to hold.
        factor: How much more frequent the more frequent outcome is; of exclusive classes, how much
            more frequent the most frequent class is. None: one of them does not occur.
    """

    label: str
    split: str
    positive: int
    negative: int
    factor: float | None


def examine_balance(
    table: CaseTable, labels: LabelSet, targets: np.ndarray, splits: Mapping[str, str]
) -> tuple[list[LabelCount], list[Problem]]:
    """Count the outcomes of each label.

    Args:
        table: The cases.
        labels: What is predicted.
        targets: float32 ``(cases, labels)``: 1 holds, 0 does not, NaN not known.
        splits: Side of each case that has one.

    Returns:
        The counts, and what is wrong with them: an error where a run would refuse them.
    """
    known = ~np.isnan(targets).all(axis=1)
    sides = np.array([splits.get(case.case_id, "") for case in table.cases])
    by_side = {side: targets[known & (sides == side)] for side in SIDES}
    empty = [side for side in ("train", "val") if not len(by_side[side])]
    if empty:
        lost = f"no case with a known label is left for {' and '.join(empty)}; check the splits"
        return [], [Problem(Kind.IMBALANCE, "", lost)]
    counts = [
        count for side, rows in by_side.items() if len(rows) for count in _count(labels, side, rows)
    ]
    return counts, _absent(labels, by_side) + _imbalanced(counts)


def _count(labels: LabelSet, side: str, targets: np.ndarray) -> list[LabelCount]:
    positive, negative = (targets == 1).sum(axis=0), (targets == 0).sum(axis=0)
    most, least = np.maximum(positive, negative), np.minimum(positive, negative)
    if labels.exclusive:
        most, least = np.full_like(positive, positive.max()), positive
    return [
        LabelCount(name, side, int(p), int(n), float(high / low) if low else None)
        for name, p, n, high, low in zip(labels.names, positive, negative, most, least, strict=True)
    ]


def _absent(labels: LabelSet, by_side: Mapping[str, np.ndarray]) -> list[Problem]:
    problems = []
    for side, targets in by_side.items():
        lacking = lacking_outcomes(targets, labels, side) if len(targets) else []
        if side == "train" and len(lacking) >= len(labels.names):
            nothing = "there is nothing to learn from these training cases"
            problems.append(Problem(Kind.IMBALANCE, "", nothing))
        problems += [Problem(Kind.IMBALANCE, "", each, "warning") for each in lacking]
    return problems


def _imbalanced(counts: Sequence[LabelCount]) -> list[Problem]:
    found: dict[str, list[str]] = {}
    for count in counts:
        if count.factor is not None and count.factor > MOST_IMBALANCED:
            found.setdefault(count.label, []).append(f"1 to {count.factor:.0f} in {count.split}")
    return [
        Problem(Kind.IMBALANCE, f"'{label}'", ", ".join(factors), "warning")
        for label, factors in found.items()
    ]
