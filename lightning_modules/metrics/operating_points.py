"""The threshold of each yes-or-no label, chosen on validation rows; a case is called at >= it."""

from collections.abc import Sequence
from typing import TypedDict

import numpy as np
import numpy.typing as npt

from datamodules.data_info import LabelSet
from lightning_modules.configs.operating_points import (
    FixedThresholdConfig,
    OperatingPoint,
    TargetSensitivityConfig,
)
from lightning_modules.metrics.rows import ClassificationRow, ScoreTable
from lightning_modules.metrics.thresholded import confusion_counts, sensitivity, specificity

Array = npt.NDArray[np.float64]


class Threshold(TypedDict, total=False):
    """A chosen threshold; plain values, fit for a checkpoint.

    Keys:
        threshold: A label is called present at this score and above.
        kind: How it was chosen.
        sensitivity, specificity: On the validation cases; None where undefined.
        reason: Why 0.5 was taken instead, where it was.
    """

    threshold: float
    kind: str
    sensitivity: float | None
    specificity: float | None
    reason: str


def choose_thresholds(
    config: OperatingPoint, rows: Sequence[ClassificationRow], labels: LabelSet
) -> dict[str, Threshold]:
    """Choose the operating point of each label.

    Youden's index takes the highest of the thresholds with the largest sensitivity + specificity
    among the observed scores; a target sensitivity, the highest observed score that reaches it.

    Args:
        config: How to choose.
        rows: Validation rows.
        labels: What the scores are of.

    Returns:
        By label; empty for classes that exclude one another. Where validation cannot tell, the
        threshold is 0.5 and ``reason`` says why.

    References:
        Youden, "Index for rating diagnostic tests", Cancer 1950.
    """
    if labels.exclusive:
        return {}
    table = ScoreTable.from_rows(rows, labels)
    return {
        label: _choose(config, table.scores[:, index], table.targets[:, index])
        for index, label in enumerate(labels.names)
    }


def _choose(config: OperatingPoint, scores: Array, targets: Array) -> Threshold:
    if isinstance(config, FixedThresholdConfig):
        return _describe(config.threshold, config.kind, scores, targets)
    if not (targets == 1).any():
        return _fall_back("no positive case", config.kind, scores, targets)
    if isinstance(config, TargetSensitivityConfig):
        threshold = _reaching(config.sensitivity, scores, targets)
    elif not (targets == 0).any():
        return _fall_back("no negative case", config.kind, scores, targets)
    else:
        threshold = _youden(scores, targets)
    return _describe(threshold, config.kind, scores, targets)


def _youden(scores: Array, targets: Array) -> float:
    positive, negative = np.sort(scores[targets == 1]), np.sort(scores[targets == 0])
    candidates = np.unique(np.concatenate([positive, negative]))[::-1]
    found = len(positive) - np.searchsorted(positive, candidates)
    false = len(negative) - np.searchsorted(negative, candidates)
    index = found * len(negative) - false * len(positive)  # whole numbers, so that ties are exact
    return float(candidates[np.argmax(index)])


def _reaching(target: float, scores: Array, targets: Array) -> float:
    positive = np.sort(scores[targets == 1])[::-1]
    share = np.arange(1, len(positive) + 1) / len(positive)
    return float(positive[np.argmax(share >= target)])


def _describe(threshold: float, kind: str, scores: Array, targets: Array) -> Threshold:
    counts = confusion_counts(scores >= threshold, targets, np.ones((1, len(scores))))
    (found,), (spared,) = sensitivity(counts), specificity(counts)
    return Threshold(
        threshold=threshold,
        kind=kind,
        sensitivity=None if np.isnan(found) else float(found),
        specificity=None if np.isnan(spared) else float(spared),
    )


def _fall_back(reason: str, kind: str, scores: Array, targets: Array) -> Threshold:
    described = _describe(0.5, kind, scores, targets)
    return Threshold(**described, reason=f"{reason} in validation; 0.5 is taken")
