"""Landmarks that move with the picture through random changes.

Places are in continuous coordinates along the axes of an array: voxel i covers ``[i, i + 1)``. NaN
is not marked, and stays so.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Points = NDArray[np.float32]


def change_points(
    points: Points, matrix: NDArray[np.float64], start: ArrayLike, patch: Sequence[int]
) -> Points:
    """Landmarks of a case as a changed patch shows them; they may lie outside of it.

    Args:
        points: ``(K, axes)``, of the case.
        matrix: ``(axes, axes)``, from places in the changed patch to those in the case, both
            counted from the middle of the patch; see ``AugmentationParameters``.
        start: Where the patch begins in the case.
        patch: Its size.

    Returns:
        ``(K, axes)``, counted from the corner of the patch.
    """
    half = np.asarray(patch) / 2
    offsets = np.asarray(points, np.float64) - (np.asarray(start) + half)
    return (offsets @ np.linalg.inv(matrix).T + half).astype(np.float32)


def mask_outside(points: Points, shape: Sequence[int]) -> Points:
    """Landmarks, NaN in place of those outside an image of a shape."""
    within = np.all((points >= 0) & (points <= np.asarray(shape)), axis=1, keepdims=True)
    return np.where(within, points, np.float32(np.nan))


def is_mirrored(matrix: NDArray[np.float64]) -> bool:
    """Whether a change turns left into right, so that paired landmarks swap their names."""
    return bool(np.linalg.det(matrix) < 0)
