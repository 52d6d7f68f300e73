"""How much boxes overlap, in any number of dimensions; gradients pass."""

import torch
from torch import Tensor

TINY = 1e-7


def volume(boxes: Tensor) -> Tensor:
    """Areas or volumes of boxes ``(..., 2 * D)``."""
    low, high = boxes.chunk(2, dim=-1)
    return (high - low).clamp(min=0).prod(dim=-1)


def pairwise_iou(boxes: Tensor, others: Tensor) -> Tensor:
    """Intersection over union of each of boxes ``(N, 2 * D)`` with each of others ``(M, 2 * D)``.

    Returns:
        float ``(N, M)``; 0 where both are empty.
    """
    shared = _intersections(boxes, others)
    union = volume(boxes)[:, None] + volume(others)[None] - shared
    return shared / union.clamp(min=TINY)


def centred_within(boxes: Tensor, regions: Tensor) -> Tensor:
    """Whether the centre of each of boxes ``(N, 2 * D)`` lies in one of regions ``(M, 2 * D)``.

    Returns:
        bool ``(N,)``.
    """
    low, high = boxes.chunk(2, dim=-1)
    return points_within((low + high) / 2, regions)


def points_within(points: Tensor, regions: Tensor) -> Tensor:
    """Whether each of points ``(N, D)`` lies in one of regions ``(M, 2 * D)``; bool ``(N,)``."""
    low, high = regions.chunk(2, dim=-1)
    inside = (points[:, None] >= low[None]) & (points[:, None] <= high[None])
    return inside.all(dim=2).any(dim=1)


def _intersections(boxes: Tensor, others: Tensor) -> Tensor:
    (low, high), (other_low, other_high) = boxes.chunk(2, dim=-1), others.chunk(2, dim=-1)
    sides = torch.minimum(high[:, None], other_high[None])
    sides = sides - torch.maximum(low[:, None], other_low[None])
    return sides.clamp(min=0).prod(dim=-1)
