"""Which places of a grid detector learn to find which object."""

from typing import NamedTuple

import torch
from torch import Tensor

from lightning_modules.box_tensors import pairwise_iou

SCORE_POWER, OVERLAP_POWER = 0.5, 6.0
LEAST_QUALITY = 0.3
"""What the best place of an object is asked for however badly it fits, so that it is learned."""
NEVER = -1.0


class Assignment(NamedTuple):
    """What the places of an image should find.

    Attributes:
        objects: int64 ``(N,)``, position of the object that a place has to find; -1: none.
        qualities: float32 ``(N,)``, 0..1, how sure a place should be; 0: background.
        weights: float32 ``(N,)``, 0..1, how much a place counts in learning class and box; of
            every object they sum to 1, so that small and badly found ones are not left behind.
    """

    objects: Tensor
    qualities: Tensor
    weights: Tensor


@torch.no_grad()
def assign(
    scores: Tensor, boxes: Tensor, centres: Tensor, truth: Tensor, reach: float, places: int
) -> Assignment:
    """Let the places learn an object that already score and overlap best, of those within it.

    Args:
        scores: Probability that a place gives to the class of each object, ``(N, M)``.
        boxes: What each place predicts, ``(N, 2 * D)``.
        centres: Of the places, in voxels, ``(N, D)``.
        truth: Boxes of the objects, ``(M, 2 * D)``.
        reach: Distance from an object's centre, along each axis, within which a place may learn it
            even where the object is smaller.
        places: How many places learn an object at most.

    References:
        Feng et al., "TOOD: task-aligned one-stage object detection", ICCV 2021.
    """
    if not len(truth):
        none = boxes.new_zeros(len(boxes))
        return Assignment(torch.full_like(none, -1, dtype=torch.int64), none, none)
    overlaps = pairwise_iou(boxes, truth)
    low, high = truth.chunk(2, dim=1)
    offsets = (centres[:, None] - (low + high) / 2).abs()
    near = (offsets < ((high - low) / 2).clamp(min=reach)).all(dim=2)
    aligned = scores.pow(SCORE_POWER) * overlaps.pow(OVERLAP_POWER)
    closeness = 1e-9 / (1 + offsets.sum(dim=2))  # where nothing overlaps yet
    aligned = torch.where(near, aligned + closeness, NEVER)
    chosen = _best(aligned, places) & near
    rivals = torch.where(chosen, overlaps, NEVER)
    best, objects = rivals.max(dim=1)
    chosen &= torch.arange(len(truth), device=truth.device) == objects[:, None]
    return Assignment(
        torch.where(best > NEVER, objects, -1), *_qualities(chosen, aligned, overlaps)
    )


def _best(aligned: Tensor, places: int) -> Tensor:
    """Which of ``(N, M)`` are among the best of their column."""
    best = aligned.topk(min(places, len(aligned)), dim=0).indices
    return torch.zeros_like(aligned, dtype=torch.bool).scatter_(0, best, value=True)


def _qualities(chosen: Tensor, aligned: Tensor, overlaps: Tensor) -> tuple[Tensor, Tensor]:
    """The best place of an object is asked for its overlap, the others for a share of that."""
    aligned = torch.where(chosen, aligned, 0)
    overlaps = torch.where(chosen, overlaps, 0)
    wanted = overlaps.amax(dim=0).clamp(min=LEAST_QUALITY)
    shares = aligned / aligned.amax(dim=0).clamp(min=1e-12)
    return (shares * wanted).amax(dim=1), (shares / shares.sum(dim=0).clamp(min=1)).amax(dim=1)
