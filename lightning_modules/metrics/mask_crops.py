"""The boxes around structures, so that each is looked at where it is and nowhere else."""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from datamodules import batches

Mask = npt.NDArray[np.uint8]
BoolMask = npt.NDArray[np.bool_]
Box: TypeAlias = tuple[slice, ...]


def structure_boxes(structures: int, *masks: Mask) -> list[Box | None]:
    """The smallest box around each structure in all masks; None where it is in none.

    Args:
        structures: How many there are (L).
        masks: uint8 ``(1, *spatial)``, 0 the background and k the k-th structure, or
            ``(L, *spatial)``, 0 or 1; a value beyond these is nowhere.
    """
    if len(masks[0]) == 1:
        found = [ndimage.find_objects(mask[0], max_label=structures) for mask in masks]
        return [_around([box for box in boxes if box]) for boxes in zip(*found, strict=True)]
    return [union_box(*(mask[index] == 1 for mask in masks)) for index in range(structures)]


def inside(mask: Mask, index: int, box: Box) -> BoolMask:
    """Where a mask is inside of a structure, bool, in a box; masks as above, index from 0."""
    return batches.inside(mask[(slice(None), *box)], index)


def channel(mask: Mask, index: int) -> Mask:
    """The part of a mask, ``(*spatial)``, that holds a structure; a view."""
    part: Mask = mask[index if len(mask) > 1 else 0]
    return part


def union_box(*masks: BoolMask) -> Box | None:
    """The smallest box around all masks of one shape; None where all are empty."""
    box = []
    for axis in range(masks[0].ndim):
        others = tuple(other for other in range(masks[0].ndim) if other != axis)
        held = np.flatnonzero(np.any([mask.any(axis=others) for mask in masks], axis=0))
        if not len(held):
            return None
        box.append(slice(int(held[0]), int(held[-1]) + 1))
    return tuple(box)


def _around(boxes: list[Box]) -> Box | None:
    if not boxes:
        return None
    return tuple(
        slice(min(part.start for part in parts), max(part.stop for part in parts))
        for parts in zip(*boxes, strict=True)
    )
