"""How much boxes share, and how far apart they are, in 2D and 3D."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Boxes = npt.NDArray[np.floating[Any]]
"""Low corner and then high corner along the axes of the image, ``(N, 2 * axes)``, in voxels."""


def as_boxes(values: Sequence[Sequence[float]] | Boxes, axes: int) -> Array:
    """Boxes as float64 ``(N, 2 * axes)``, also where there is none."""
    return np.asarray(values, dtype=np.float64).reshape(-1, 2 * axes)


def box_sizes(boxes: Boxes) -> Array:
    """Area or volume of boxes ``(N, 2 * axes)``, low corner and then high corner: ``(N,)``."""
    low, high = np.split(boxes, 2, axis=1)
    return np.asarray(np.prod(np.maximum(high - low, 0), axis=1))


def intersections(first: Boxes, second: Boxes) -> Array:
    """Size of what each box of ``(N, 2 * axes)`` shares with each of ``(M, 2 * axes)``: (N, M)."""
    axes = first.shape[1] // 2
    shared = np.ones((len(first), len(second)))
    for axis in range(axes):
        low = np.maximum(first[:, None, axis], second[None, :, axis])
        high = np.minimum(first[:, None, axis + axes], second[None, :, axis + axes])
        shared *= np.maximum(high - low, 0)
    return shared


def iou(first: Boxes, second: Boxes) -> Array:
    """Intersection over union of each pair of boxes; 0 for boxes without extent.

    Args:
        first: ``(N, 2 * axes)``: low corner, high corner, in voxels.
        second: Likewise, ``(M, 2 * axes)``.

    Returns:
        In 0..1, ``(N, M)``.
    """
    shared = intersections(first, second)
    union = box_sizes(first)[:, None] + box_sizes(second)[None] - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)


def covered(boxes: Boxes, regions: Boxes) -> Array:
    """Share of each box that lies in each region, ``(N, M)``: COCO's IoU with a crowd."""
    shared, sizes = intersections(boxes, regions), box_sizes(boxes)[:, None]
    return np.divide(shared, sizes, out=np.zeros_like(shared), where=sizes > 0)


def centres(boxes: Boxes) -> Array:
    """Middles of boxes, ``(N, axes)``."""
    low, high = np.split(boxes, 2, axis=1)
    return np.asarray((low + high) / 2)


def centre_distances(first: Boxes, second: Boxes, spacing: Sequence[float]) -> Array:
    """Distance between the middles of each pair of boxes.

    Args:
        first: ``(N, 2 * axes)``, in voxels.
        second: Likewise, ``(M, 2 * axes)``.
        spacing: Size of a voxel along each axis, in mm; 1 gives voxels.

    Returns:
        In mm, ``(N, M)``.
    """
    steps = (centres(first)[:, None] - centres(second)[None]) * np.asarray(spacing)
    return np.asarray(np.sqrt((steps**2).sum(axis=-1)))


def sides(boxes: Boxes, spacing: Sequence[float]) -> Array:
    """Lengths of the sides of boxes in mm, ``(N, axes)``; a spacing of 1 gives voxels."""
    low, high = np.split(boxes, 2, axis=1)
    return np.asarray((high - low) * np.asarray(spacing))
