"""How much boxes share, and how far apart they are, in 2D and 3D."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Boxes = npt.NDArray[np.floating[Any]]
"""Low corner and then high corner along the axes of the image, ``(N, 2 * axes)``, in voxels."""


def as_boxes(values: Sequence[Sequence[float]] | Boxes, axes: int) -> Array:
    """Boxes as float64 ``(N, 2 * axes)``, also where there is none."""
    return np.asarray(values, dtype=np.float64).reshape(-1, 2 * axes)


def box_sizes(boxes: Boxes) -> Array:
    """Area or volume of boxes ``(..., 2 * axes)``, low corner and then high corner: ``(...)``."""
    axes = boxes.shape[-1] // 2
    return np.asarray(np.prod(np.maximum(boxes[..., axes:] - boxes[..., :axes], 0), axis=-1))


def intersections(first: Boxes, second: Boxes) -> Array:
    """Size of what boxes share, pair by pair: ``(..., 2 * axes)``, broadcast, to ``(...)``."""
    axes = first.shape[-1] // 2
    shared = np.ones(np.broadcast_shapes(first.shape[:-1], second.shape[:-1]))
    for axis in range(axes):
        low = np.maximum(first[..., axis], second[..., axis])
        high = np.minimum(first[..., axis + axes], second[..., axis + axes])
        shared *= np.maximum(high - low, 0)
    return shared


def overlaps(boxes: Boxes, objects: Boxes, regions: Flags) -> Array:
    """Intersection over union pair by pair; of a region, the share of the box that lies in it.

    Args:
        boxes: ``(..., 2 * axes)``: low corner, high corner, in voxels.
        objects: Likewise; broadcast.
        regions: Which of the objects are regions, ``(...)``: COCO's crowds.

    Returns:
        In 0..1, ``(...)``; 0 for boxes without extent.
    """
    shared, own = intersections(boxes, objects), box_sizes(boxes)
    whole = np.where(regions, own, own + box_sizes(objects) - shared)
    return np.divide(shared, whole, out=np.zeros_like(shared), where=whole > 0)


def iou(first: Boxes, second: Boxes) -> Array:
    """Intersection over union of each pair of boxes; 0 for boxes without extent.

    Args:
        first: ``(N, 2 * axes)``: low corner, high corner, in voxels.
        second: Likewise, ``(M, 2 * axes)``.

    Returns:
        In 0..1, ``(N, M)``.
    """
    return overlaps(first[:, None], second[None], np.zeros((1, len(second)), bool))


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
