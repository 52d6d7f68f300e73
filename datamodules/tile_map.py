"""Values of tiles as a picture over their slide."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def average_tiles(
    shape: tuple[int, ...],
    corners: NDArray[np.integer[Any]],
    side: float,
    downsample: float,
    values: NDArray[np.floating[Any]],
) -> NDArray[np.float32]:
    """Mean value of the tiles that lie on each pixel; NaN where none does.

    Tiles are added at their four corners only and summed up over the picture afterwards, so that
    time and memory hardly depend on how many there are.

    Args:
        shape: Height and width of the picture.
        corners: Upper left corners, x and y in pixels of level 0, shape ``(N, 2)``.
        side: Of a tile, in pixels of level 0.
        downsample: Pixels of level 0 to a pixel of the picture.
        values: In 0..1, shape ``(N,)``; NaN of a tile that does not count.

    Returns:
        float32 ``(h, w)``.

    References:
        Crow, "Summed-Area Tables for Texture Mapping", SIGGRAPH 1984.
    """
    height, width = shape[:2]
    known = np.isfinite(values)
    low = np.rint(corners[known] / downsample).astype(int)
    high = np.maximum(np.rint((corners[known] + side) / downsample).astype(int), low + 1)
    left, top = np.clip(low, 0, (width, height)).T
    right, bottom = np.clip(high, 0, (width, height)).T
    layers = []
    for weight in (np.clip(values[known], 0, 1).astype(np.float64), np.ones(len(left))):
        layer = np.zeros((height + 1, width + 1))
        for y, x, sign in (
            (top, left, 1),
            (top, right, -1),
            (bottom, left, -1),
            (bottom, right, 1),
        ):
            np.add.at(layer, (y, x), sign * weight)
        np.cumsum(layer, axis=0, out=layer)
        layers.append(np.cumsum(layer, axis=1, out=layer)[:-1, :-1])
    total, count = layers
    mean = np.full((height, width), np.nan, np.float32)
    covered = count > 0.5
    mean[covered] = (total[covered] / count[covered]).clip(0, 1)
    return mean
