"""The threshold of a single structure, chosen on validation for the share of it that is found."""

from collections.abc import Sequence
from functools import cache
from typing import Literal

import numpy as np
import numpy.typing as npt

from lightning_modules.metrics.operating_points import Threshold

Array = npt.NDArray[np.float64]
BINS = 1024
LARGEST_LOGIT = 12.0
"""Thresholds lie as evenly between logits of -12 and 12: as fine near 1 as near 0."""
TARGET = "target-sensitivity"


@cache
def threshold_grid() -> npt.NDArray[np.float32]:
    """The thresholds that can be chosen, float32 ``(1024,)``, rising from 0."""
    logits = np.linspace(-LARGEST_LOGIT, LARGEST_LOGIT, BINS - 1)
    return np.concatenate([[0.0], 1 / (1 + np.exp(-logits))]).astype(np.float32)


def probability_histogram(
    probability: npt.NDArray[np.float32], truth: npt.NDArray[np.uint8]
) -> list[int]:
    """Count the voxels of a structure by probability, so that no probability need be kept.

    Args:
        probability: float32, any shape.
        truth: uint8, of the same shape; 1 is inside, 0 and 255 (not known) are not counted.

    Returns:
        How many lie between each threshold of the grid and the next; a row's plain value.
    """
    inside = np.asarray(probability[truth == 1], dtype=np.float32)
    places = np.searchsorted(threshold_grid(), inside, side="right") - 1
    counts: list[int] = np.bincount(places, minlength=BINS).tolist()
    return counts


def highest_threshold(
    histograms: Sequence[Sequence[int]],
    target: float,
    average: Literal["pooled", "per-case"] = "pooled",
) -> Threshold:
    """The highest threshold of the grid that reaches a sensitivity.

    A voxel is called inside at the threshold and above. On the grid, neighbours differ by 0.023 in
    the logit; what is chosen is never too high.

    Args:
        histograms: One of each validation case, from :func:`probability_histogram`.
        target: Sensitivity to reach, in (0, 1].
        average: Over all voxels of all cases, or the mean over the cases that have the structure.

    Returns:
        The threshold with the sensitivity that it has in validation. It is never 0, where
        everything would be inside: if nothing above reaches the target, ``reason`` says so. Without
        a voxel of the structure it is 0.5, and ``reason`` says why.
    """
    counts = np.asarray(histograms, dtype=np.int64).reshape(-1, BINS)
    counts = counts[counts.sum(axis=1) > 0]
    if not len(counts):
        reason = "no voxel of the structure in validation; 0.5 is taken"
        return Threshold(
            threshold=0.5, kind=TARGET, sensitivity=None, specificity=None, reason=reason
        )
    if average == "pooled":
        counts = counts.sum(axis=0, keepdims=True)
    above = counts[:, ::-1].cumsum(axis=1)[:, ::-1]
    sensitivities = (above / above[:, :1]).mean(axis=0)
    # Means of shares are rounded: what reaches the target but for the last digit reaches it.
    chosen = int(np.flatnonzero(sensitivities >= target * (1 - 1e-12))[-1])
    found = Threshold(
        threshold=float(threshold_grid()[max(chosen, 1)]),
        kind=TARGET,
        sensitivity=float(sensitivities[max(chosen, 1)]),
        specificity=None,
    )
    if chosen == 0:  # everything would be called inside
        found["reason"] = "the sensitivity asked for is out of reach; the lowest threshold is taken"
    return found
