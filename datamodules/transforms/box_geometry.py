"""Boxes that move with the picture: through random changes, and from mm to voxels.

A box is its low and then its high corner along the axes of an array, in continuous coordinates:
voxel i covers ``[i, i + 1)``.
"""

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from datamodules.candidates import VolumeCandidate

Boxes = NDArray[np.float32]
TO_RAS = {"ras-mm": np.ones(3), "lps-mm": np.array([-1.0, -1.0, 1.0])}


def change_boxes(
    boxes: Boxes, matrix: NDArray[np.float64], start: ArrayLike, patch: Sequence[int]
) -> Boxes:
    """Boxes of a case as a changed patch shows them; they may reach beyond it.

    Of a box that is rotated, the box about its corners is taken.

    Args:
        boxes: ``(N, 2 * axes)``, of the case.
        matrix: ``(axes, axes)``, from places in the changed patch to those in the case, both
            counted from the middle of the patch; see ``AugmentationParameters``.
        start: Where the patch begins in the case.
        patch: Its size.

    Returns:
        ``(N, 2 * axes)``, counted from the corner of the patch.
    """
    axes = len(patch)
    half = np.asarray(patch) / 2
    corners = _corners(np.asarray(boxes, np.float64)) - (np.asarray(start) + half)
    moved = corners @ np.linalg.inv(matrix).T + half
    return _around(moved).reshape(-1, 2 * axes)


def clip_boxes(boxes: Boxes, shape: Sequence[int]) -> tuple[Boxes, NDArray[np.float64]]:
    """Boxes within an image, and the share of each that is left.

    Returns:
        ``(N, 2 * axes)``, and ``(N,)``: 0 of a box that lies outside.
    """
    axes = len(shape)
    ends = np.tile(np.asarray(shape, np.float32), 2)
    clipped = np.clip(boxes, 0, ends)
    sizes = (boxes[:, axes:] - boxes[:, :axes]).astype(np.float64)
    left = clipped[:, axes:] - clipped[:, :axes]
    share = np.divide(left, sizes, out=np.zeros_like(sizes), where=sizes > 0)
    return clipped, share.prod(axis=1)


def voxels_of(candidate: VolumeCandidate, affine: NDArray[np.float64]) -> list[float]:
    """A box in a volume along the axes of its file, in voxels, ``2 * 3`` numbers.

    Args:
        candidate: In voxels or mm; of one in mm whose axes are oblique to those of the voxels, the
            box about its corners is taken.
        affine: ``(4, 4)``, from the index of a voxel to mm, RAS+.
    """
    low = np.asarray(candidate.start, np.float64)
    corners = np.stack([low, low + candidate.size])
    if candidate.space == "voxel":
        return [float(value) for value in corners.ravel()]
    every = _corners(corners.reshape(1, 6))[0] * TO_RAS[candidate.space]
    index = np.linalg.solve(affine[:3, :3], (every - affine[:3, 3]).T).T
    return [float(value) for value in _around(index[None] + 0.5)[0]]


def world_box(box: ArrayLike, affine: NDArray[np.float64]) -> list[float]:
    """A box of voxels in mm, RAS+: the low and then the high corner of the box about it.

    Args:
        box: Six numbers, in voxels along the axes of the file.
        affine: ``(4, 4)``, from the index of a voxel to mm.
    """
    index = _corners(np.asarray(box, np.float64).reshape(1, 6))[0] - 0.5
    return [float(value) for value in _around((index @ affine[:3, :3].T + affine[:3, 3])[None])[0]]


def _corners(boxes: NDArray[Any]) -> NDArray[np.float64]:
    """All corners of boxes, ``(N, 2 ** axes, axes)``."""
    axes = boxes.shape[1] // 2
    ends = boxes.reshape(len(boxes), 2, axes)
    which = np.array(list(product((0, 1), repeat=axes)))
    return np.asarray(ends[:, which, np.arange(axes)])


def _around(corners: NDArray[np.float64]) -> NDArray[Any]:
    """The boxes about some corners, ``(N, 2 * axes)``."""
    return np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1).astype(np.float32)
