"""From scores at many places to the few boxes of an image that are looked at further."""

from collections.abc import Sequence

import torch
from torch import Tensor

from lightning_modules.box_tensors import pairwise_iou
from lightning_modules.networks.detection import LEAST_SCORE, Candidates

LEAST_COMPARED = 1000
COMPARED = 3
"""Times as many boxes as are kept, of which those that coincide are left out."""
SAME = 0.9
"""Boxes of a class that overlap as much are the same; choices of the NMS are below this."""


def select_candidates(boxes: Tensor, scores: Tensor, size: Sequence[int], most: int) -> Candidates:
    """The highest scores of an image, boxes that all but coincide counted once.

    Args:
        boxes: ``(N, 2 * D)``, which may reach beyond the image.
        scores: Probability of each class, ``(N, K)``.
        size: Of the image in voxels.
        most: Boxes that are kept.
    """
    boxes = within(boxes.float(), size)
    scores = scores.float() * (extent(boxes) > 0)[:, None]
    flat = scores.flatten()
    kept, at = flat.topk(min(max(LEAST_COMPARED, COMPARED * most), len(flat)))
    at = at[kept > LEAST_SCORE]
    found = Candidates(boxes[at // scores.shape[1]], flat[at], at % scores.shape[1])
    chosen = first_of_each(found)
    return Candidates(*(values[chosen][:most] for values in found))


def within(boxes: Tensor, size: Sequence[int]) -> Tensor:
    """Boxes ``(N, 2 * D)`` cut off at the borders of the image."""
    return boxes.clamp(min=0).minimum(boxes.new_tensor([*size, *size]))


def extent(boxes: Tensor) -> Tensor:
    """Shortest side of each of boxes ``(N, 2 * D)``."""
    low, high = boxes.chunk(2, dim=1)
    return (high - low).amin(dim=1)


def first_of_each(found: Candidates) -> Tensor:
    """Positions of those that coincide with none of a higher score and the same class.

    Args:
        found: Ordered by score, descending.
    """
    same = pairwise_iou(found.boxes, found.boxes) > SAME
    same &= found.labels[:, None] == found.labels[None]
    same = same.triu(diagonal=1).cpu()
    kept = torch.ones(len(same), dtype=torch.bool)
    for place in torch.nonzero(same.any(dim=1)).flatten().tolist():
        if kept[place]:
            kept &= ~same[place]
    return torch.nonzero(kept).flatten().to(found.boxes.device)
