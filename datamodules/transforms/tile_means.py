"""Means of an image over the tiles of a grid, all at once."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray


def tile_means(
    image: NDArray[Any],
    size: tuple[float, float],
    across: NDArray[Any],
    down: NDArray[Any],
    side: float,
) -> NDArray[np.float64]:
    """Mean of an image over every tile, true to fractions of a pixel.

    The integral image is interpolated linearly along each axis, which is exact where a pixel has
    one value all over.

    Args:
        image: ``(h, w)``, bool, uint8 or of floats; it is 0 beyond its edges.
        size: Width and height that it spans, in the unit of the tiles.
        across: Left edges of the columns of tiles, ``(columns,)``.
        down: Upper edges of the rows of tiles, ``(rows,)``.
        side: Side of a tile.

    Returns:
        ``(rows, columns)``.
    """
    height, width = image.shape
    values = image.astype(np.uint8) if image.dtype == np.bool_ else image
    integral = np.asarray(cv2.integral(values, sdepth=cv2.CV_64F), np.float64)
    scale = width / size[0], height / size[1]
    strips = _between(integral, down * scale[1], side * scale[1])
    sums = _between(strips.T, across * scale[0], side * scale[0]).T
    return np.asarray(sums / (side**2 * scale[0] * scale[1]), np.float64)


def _between(
    integral: NDArray[np.float64], starts: NDArray[Any], length: float
) -> NDArray[np.float64]:
    """What lies between two places of the first axis."""
    low, high = (_at(integral, places) for places in (starts, starts + length))
    return np.asarray(high - low, np.float64)


def _at(integral: NDArray[np.float64], places: NDArray[Any]) -> NDArray[np.float64]:
    last = len(integral) - 1
    inside = np.clip(places, 0, last)
    below = np.minimum(inside.astype(np.int64), last - 1)
    share = (inside - below)[:, None]
    return np.asarray(integral[below] * (1 - share) + integral[below + 1] * share, np.float64)
