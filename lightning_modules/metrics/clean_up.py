"""Clean-up of masks: which connected components of a structure are kept, chosen on validation.

Components touch by faces, edges or corners (8 neighbours in 2D, 26 in 3D).
"""

from collections.abc import Mapping, Sequence
from typing import TypedDict

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from datamodules.batches import UNKNOWN
from lightning_modules.metrics.mask_crops import BoolMask, Mask, channel, inside, structure_boxes
from lightning_modules.metrics.overlap import count_overlap


class CleanUp(TypedDict):
    """What is removed from a structure; plain values, fit for a checkpoint.

    Keys:
        largest_only: Keep the largest component alone; of equals, the first.
        smallest: Remove components below this size, in the units of the voxels' size (ml).
    """

    largest_only: bool
    smallest: float


KEEP_ALL = CleanUp(largest_only=False, smallest=0.0)
LARGEST_ONLY = CleanUp(largest_only=True, smallest=0.0)


class _Components:
    """The connected components of a mask, numbered from 1.

    Attributes:
        labels: Number of the component of each voxel, 0 outside.
        sizes: Voxels of each component; the first entry is of the outside, and 0.
    """

    def __init__(self, mask: BoolMask) -> None:
        everywhere = np.ones((3,) * mask.ndim, dtype=bool)
        self.labels, self.number = ndimage.label(mask, everywhere)
        self.sizes = self.count(mask)

    def count(self, mask: BoolMask) -> npt.NDArray[np.int64]:
        """Voxels of each component that are inside another mask of the same shape."""
        counts = np.bincount(self.labels[mask], minlength=self.number + 1)
        counts[0] = 0
        return counts

    def kept(self, rule: CleanUp, voxel: float) -> npt.NDArray[np.bool_]:
        """Which components a rule keeps; never the outside."""
        keep = (self.sizes * voxel >= rule["smallest"]) & (self.sizes > 0)
        if rule["largest_only"]:
            keep &= np.arange(len(self.sizes)) == self.sizes.argmax()
        return keep


def clean_up(
    mask: Mask, structures: Sequence[str], rules: Mapping[str, CleanUp], voxel: float
) -> Mask:
    """Remove components; a voxel that is removed becomes background.

    Args:
        mask: uint8, ``(1, *spatial)`` label indices or ``(L, *spatial)`` of 0 and 1.
        structures: Names, in order.
        rules: By structure; one without a rule stays as it is.
        voxel: Size of a voxel in the units of ``smallest``.

    Returns:
        A new mask.
    """
    cleaned = mask.copy()
    if all(rules.get(name, KEEP_ALL) == KEEP_ALL for name in structures):
        return cleaned
    boxes = structure_boxes(len(structures), mask)
    for index, (name, box) in enumerate(zip(structures, boxes, strict=True)):
        rule = rules.get(name, KEEP_ALL)
        if box is not None and rule != KEEP_ALL:
            found = _Components(inside(mask, index, box))
            removed = ~found.kept(rule, voxel)
            removed[0] = False
            channel(cleaned, index)[box][removed[found.labels]] = 0
    return cleaned


def score_clean_up(
    prediction: Mask,
    truth: Mask,
    structures: Sequence[str],
    rules: Sequence[CleanUp],
    voxel: float,
) -> dict[str, list[list[int]]]:
    """Count voxels under every rule, without cleaning a mask for each.

    Args:
        prediction: uint8, ``(1, *spatial)`` label indices or ``(L, *spatial)`` of 0 and 1.
        truth: Likewise, of the same shape, and 255 where it is not known.
        structures: Names, in order.
        rules: What is tried.
        voxel: Size of a voxel in the units of ``smallest``.

    Returns:
        For each structure and rule ``[tp, fp, fn]``; a row's plain value.
    """
    found = {}
    boxes = structure_boxes(len(structures), prediction)
    counts = count_overlap(prediction, truth, len(structures))
    for index, (name, box, own) in enumerate(zip(structures, boxes, counts, strict=True)):
        total = own.true_positives + own.false_negatives
        found[name] = [[0, 0, total] for _ in rules]
        if box is None:
            continue
        components = _Components(inside(prediction, index, box))
        right = components.count(inside(truth, index, box))
        known = components.count(channel(truth, index)[box] != UNKNOWN)
        for cells, rule in zip(found[name], rules, strict=True):
            keep = components.kept(rule, voxel)
            hit = int(right[keep].sum())
            cells[:] = [hit, int(known[keep].sum()) - hit, total - hit]
    return found


def choose_clean_up(
    cases: Sequence[Mapping[str, Sequence[Sequence[int]]]], rules: Sequence[CleanUp]
) -> dict[str, CleanUp]:
    """Take for each structure the rule with the best mean Dice, if that is better than none.

    A structure that is neither there nor left by a rule counts as a Dice of 1 here, so that a rule
    which clears a false alarm is the better for it.

    Args:
        cases: Counts of each validation case, from :func:`score_clean_up`.
        rules: The rules that were tried; of equally good ones the first is taken.

    Returns:
        Rules by structure, without those that are best left alone.

    References:
        Isensee et al., "nnU-Net", Nature Methods 2021: clean up only where cross-validation says
        that it helps.
    """
    if not cases or KEEP_ALL not in rules:
        return {}
    baseline = rules.index(KEEP_ALL)
    chosen = {}
    for name in cases[0]:
        counts = np.array([case[name] for case in cases], dtype=np.float64)
        hit, extra, missed = np.moveaxis(counts, -1, 0)
        whole = 2 * hit + extra + missed
        dice = np.where(whole > 0, 2 * hit / np.maximum(whole, 1), 1.0).mean(axis=0)
        best = int(np.argmax(dice))
        if dice[best] > dice[baseline]:
            chosen[name] = rules[best]
    return chosen
