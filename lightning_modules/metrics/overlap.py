"""Voxels that two masks share, and the figures that are ratios of such counts."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from datamodules.batches import UNKNOWN
from lightning_modules.metrics.mask_crops import Mask
from lightning_modules.metrics.thresholded import Array, Counts, ppv, sensitivity, specificity

CHUNK_SIZE = 2**19
"""Voxels counted at once: few enough for the processor's cache, many enough to be quick."""
WORD = np.dtype(np.uint64)
"""Eight labels in one, so that background is passed over a word at a time."""
Labels = NDArray[np.uint8]


class VoxelCounts(NamedTuple):
    """Known voxels of one structure in one case."""

    true_positives: int
    false_positives: int
    false_negatives: int
    true_negatives: int


def count_overlap(prediction: Mask, truth: Mask, structures: int) -> list[VoxelCounts]:
    """Count voxels of every structure; where the truth is not known (255) none are counted.

    Args:
        prediction: uint8. Structures that exclude one another: ``(1, *spatial)``, 0 the background,
            k the k-th structure. Overlapping ones: ``(L, *spatial)``, 0 or 1.
        truth: Likewise, of the same shape, and 255 where it is not known.
        structures: How many there are (L).

    Returns:
        Exact counts of each structure.

    Raises:
        ValueError: If the shapes differ, or a mask holds a structure that there is not.
    """
    if prediction.shape != truth.shape or len(truth) not in (1, structures):
        raise ValueError(
            f"masks of shape {prediction.shape} and {truth.shape} for {structures} structures"
        )
    if len(truth) == 1:
        return _count_labels(prediction, truth, structures)
    return [_count_binary(*pair) for pair in zip(prediction, truth, strict=True)]


def dice(counts: Counts) -> Array:
    """Dice similarity coefficient; NaN where neither mask has a voxel."""
    found = 2 * counts.true_positives
    return _ratio(found, found + counts.false_positives + counts.false_negatives)


def iou(counts: Counts) -> Array:
    """Intersection over union (Jaccard index); NaN where neither mask has a voxel."""
    found = counts.true_positives
    return _ratio(found, found + counts.false_positives + counts.false_negatives)


OVERLAP: Mapping[str, Callable[[Counts], Array]] = {
    "dice": dice,
    "iou": iou,
    "sensitivity": sensitivity,
    "specificity": specificity,
    "precision": ppv,
}
"""Every figure of counts, by its name in metrics.json."""


def _count_labels(prediction: Mask, truth: Mask, structures: int) -> list[VoxelCounts]:
    """One histogram of pairs of labels, over the voxels that either mask gives to a structure."""
    size = structures + 1
    code = np.uint8 if size * size <= 256 else np.uint16
    pairs, known = np.zeros(size * size, dtype=np.int64), truth.size
    flat, flat_truth = (np.ascontiguousarray(mask).reshape(-1) for mask in (prediction, truth))
    for start in range(0, flat.size, CHUNK_SIZE):
        chunk = slice(start, start + CHUNK_SIZE)
        called, true = _without_most_background(flat[chunk], flat_truth[chunk])
        unknown = true == UNKNOWN
        if unknown.any():
            known -= int(np.count_nonzero(unknown))
            called, true = called[~unknown], true[~unknown]
        if max(called.max(initial=0), true.max(initial=0)) > structures:
            raise ValueError(f"a mask has labels beyond its {structures} structures")
        pairs += np.bincount(true * code(size) + called, minlength=size * size)
    matrix = pairs.reshape(size, size)
    right = matrix.diagonal()
    false_positives, false_negatives = matrix.sum(axis=0) - right, matrix.sum(axis=1) - right
    columns = np.stack([right, false_positives, false_negatives, np.zeros_like(right)], axis=1)
    columns[:, 3] = known - columns.sum(axis=1)
    return [VoxelCounts(*map(int, row)) for row in columns[1:]]


def _without_most_background(called: Labels, true: Labels) -> tuple[Labels, Labels]:
    """Labels without the words of them that both masks leave to the background."""
    end = called.size - called.size % WORD.itemsize
    words = [labels[:end].view(WORD) for labels in (called, true)]
    used = np.flatnonzero((words[0] | words[1]) != 0)
    first, second = (
        np.concatenate([word.take(used).view(np.uint8), labels[end:]])
        for word, labels in zip(words, (called, true), strict=True)
    )
    return first, second


def _count_binary(prediction: Mask, truth: Mask) -> VoxelCounts:
    known, called, true = truth != UNKNOWN, prediction == 1, truth == 1
    both = int(np.count_nonzero(called & true))
    extra = int(np.count_nonzero(called & known)) - both
    missed = int(np.count_nonzero(true)) - both
    return VoxelCounts(both, extra, missed, int(np.count_nonzero(known)) - both - extra - missed)


def _ratio(part: Array, whole: Array) -> Array:
    return np.divide(part, whole, out=np.full_like(whole, np.nan), where=whole > 0)
