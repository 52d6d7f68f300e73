"""Confusion matrices: decisions against the truth."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from datamodules.data_info import LabelSet
from lightning_modules.metrics.rows import ScoreTable

Indices = npt.NDArray[np.intp]


@dataclass(frozen=True)
class ConfusionMatrix:
    """Decisions against the truth.

    Attributes:
        label: The label, or None when classes exclude one another.
        threshold: Where the label is called present (score >= threshold); None: likeliest class.
        classes: Names of rows and columns; of a label its absence, then its presence.
        counts: ``counts[truth][decision]``.
    """

    label: str | None
    threshold: float | None
    classes: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]


def confusion_matrices(
    table: ScoreTable, labels: LabelSet, thresholds: Mapping[str, float] | None
) -> list[ConfusionMatrix]:
    """One matrix of all classes that exclude one another, or one for each label; of known cases.

    Args:
        table: Scores and targets.
        labels: What the columns of the table are.
        thresholds: Where each label is called present; None, or empty: 0.5.
    """
    if labels.exclusive:
        known = ~np.isnan(table.targets).any(axis=1)
        truth, decision = table.targets[known].argmax(axis=1), table.scores[known].argmax(axis=1)
        return [
            ConfusionMatrix(
                None, None, labels.names, _count(truth, decision, table.scores.shape[1])
            )
        ]
    matrices = []
    for index, label in enumerate(labels.names):
        threshold = thresholds[label] if thresholds else 0.5
        known = ~np.isnan(table.targets[:, index])
        truth = (table.targets[known, index] == 1).astype(np.intp)
        decision = (table.scores[known, index] >= threshold).astype(np.intp)
        classes = (labels.negative or f"no {label}", label)
        matrices.append(ConfusionMatrix(label, threshold, classes, _count(truth, decision, 2)))
    return matrices


def _count(truth: Indices, decision: Indices, size: int) -> tuple[tuple[int, ...], ...]:
    counts = np.bincount(truth * size + decision, minlength=size**2).reshape(size, size)
    return tuple(tuple(int(count) for count in row) for row in counts)
