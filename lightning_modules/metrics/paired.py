"""Two scores of the same cases: the difference of their areas, in the same bootstrap samples."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import compress

import numpy as np
import numpy.typing as npt

from datamodules.data_info import LabelSet
from lightning_modules.metrics.intervals import Figure, bootstrap
from lightning_modules.metrics.ranking import Ranking
from lightning_modules.metrics.rows import ScoreTable

Array = npt.NDArray[np.float64]

FIRST, SECOND, DIFFERENCE = "first", "second", "difference"


def paired_auroc(
    table: ScoreTable, other: Array, labels: LabelSet, samples: int, seed: int
) -> dict[str, Figure]:
    """AUROC of two scores of the same cases, and by how much the first is the higher.

    Both are computed in each bootstrap sample: what makes a sample of patients easy for one makes
    it easy for the other, and cancels in the difference.

    Args:
        table: Patients, targets, and the first scores.
        other: The second scores, float64 ``(n, L)``, cases in the order of ``table``; NaN leaves a
            case out for that label, on both sides.
        labels: Their names.
        samples: Bootstrap samples; 0: no intervals.
        seed: Seed of the bootstrap.

    Returns:
        ``first``, ``second`` and ``difference``, means over the labels for which they are defined,
        and where there are several, each for one label: ``difference/<label>``. What is undefined
        has no value but a reason.

    References:
        Efron and Tibshirani, "An introduction to the bootstrap", 1993, chapter 16.
    """
    targets = np.where(np.isnan(other), np.nan, table.targets)
    scores = np.nan_to_num(other)
    pairs = [
        (Ranking(table.scores[:, at], targets[:, at]), Ranking(scores[:, at], targets[:, at]))
        for at in range(len(labels.names))
    ]

    def compute(weights: Array) -> dict[str, Array]:
        first = np.stack([ranking.auroc(weights) for ranking, _ in pairs])
        second = np.stack([ranking.auroc(weights) for _, ranking in pairs])
        each = {FIRST: first, SECOND: second, DIFFERENCE: first - second}
        found = {name: _mean(values) for name, values in each.items()}
        if not labels.binary:
            for at, label in enumerate(labels.names):
                found |= {f"{name}/{label}": values[at] for name, values in each.items()}
        return found

    figures = bootstrap(compute, table.patients, samples, seed)
    return {
        name: _explain(figure, _columns(name, targets, labels), table.patients)
        for name, figure in figures.items()
    }


def _mean(values: Array) -> Array:
    """Mean over labels, ``(L, B)`` to ``(B,)``, of those that are defined; NaN without any."""
    defined = (~np.isnan(values)).sum(axis=0)
    total = np.nansum(values, axis=0)
    return np.asarray(np.where(defined > 0, total / np.maximum(defined, 1), np.nan))


def _columns(name: str, targets: Array, labels: LabelSet) -> Array:
    """The targets, ``(n, K)``, that a figure rests on."""
    label = name.partition("/")[2]
    return targets[:, [labels.names.index(label)]] if label else targets


def _explain(figure: Figure, targets: Array, patients: Sequence[str]) -> Figure:
    """Add how many cases the figure rests on, and why it has no value."""
    known = np.any(~np.isnan(targets), axis=1).tolist()
    counts = {"cases": sum(known), "patients": len(set(compress(patients, known)))}
    if figure.value is not None:
        return replace(figure, **counts)
    return replace(figure, **counts, reason=_why_undefined(targets))


def _why_undefined(targets: Array) -> str:
    if np.isnan(targets).all():
        return "no case with a known label and both scores"
    if not (targets == 1).any():
        return "no positive case"
    return "no negative case" if not (targets == 0).any() else "no label with both outcomes"
