"""How sharp the tiles of a slide are, measured on a level that costs little to read."""

from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from datamodules.transforms.slide_reading import Slide
from datamodules.transforms.tile_means import tile_means

UM_PER_PIXEL = 2.0
"""Nuclei have some four pixels on this scale, and its level a sixteenth of the pixels of 0.5 um."""
BLOCK_PX = 1024
"""Side of what is looked at together."""
MARGIN_PX = 8
"""Around it, so that filters see what is beyond."""
LEAST_CONTRAST = 0.5
"""Grey levels of the coarser detail; below it there is nothing that could be sharp."""


def sharpness(
    slide: Slide,
    kept: NDArray[np.bool_],
    across: NDArray[np.int64],
    down: NDArray[np.int64],
    side: float,
) -> NDArray[np.float64]:
    """Contrast of the finest detail over that of detail twice as coarse, by tile.

    A ratio, so that pale and strong stains measure alike; blur takes the finest detail first.

    Args:
        slide: The slide; what it has at 2 um per pixel is read once, block by block.
        kept: Tiles to measure, ``(rows, columns)``.
        across: Left edges of the columns, in pixels of level 0.
        down: Upper edges of the rows, in pixels of level 0.
        side: Side of a tile in pixels of level 0.

    Returns:
        ``(rows, columns)``; NaN where it is not measured, or there is no detail.

    Raises:
        DataError: If the file is damaged or cut off.
    """
    scale = max(1.0, UM_PER_PIXEL / slide.um_per_pixel)
    found = np.full(kept.shape, np.nan)
    for rows in _groups(down, BLOCK_PX * scale):
        for columns in _groups(across, BLOCK_PX * scale):
            if kept[rows, columns].any():
                places = (across[columns], down[rows], side)
                found[rows, columns] = _of_block(slide, scale, *places)
    found[~kept] = np.nan
    return found


def _groups(starts: NDArray[np.int64], length: float) -> list[slice]:
    """Neighbours that lie within a length."""
    numbers = (starts // length).astype(np.int64)
    edges = [0, *(np.flatnonzero(np.diff(numbers)) + 1).tolist(), len(starts)]
    return [slice(low, high) for low, high in pairwise(edges)]


def _of_block(
    slide: Slide, scale: float, across: NDArray[np.int64], down: NDArray[np.int64], side: float
) -> NDArray[np.float64]:
    left, top = (float(each[0]) - MARGIN_PX * scale for each in (across, down))
    spans = [(float(each[-1] - each[0]) + side) / scale + 2 * MARGIN_PX for each in (across, down)]
    width, height = (int(np.ceil(span)) for span in spans)
    grey = _grey(slide, (left, top), (width, height), scale)
    middle = cv2.GaussianBlur(grey, (0, 0), 1.0)
    fine, coarse = grey - middle, middle - cv2.GaussianBlur(middle, (0, 0), 2.0)
    size = (width * scale, height * scale)
    places = (size, across - left, down - top, side)
    fine_mean, coarse_mean = (tile_means(np.square(each), *places) for each in (fine, coarse))
    coarse_mean[coarse_mean < LEAST_CONTRAST**2] = np.nan
    return np.asarray(np.sqrt(fine_mean / coarse_mean), np.float64)


def _grey(
    slide: Slide, corner: tuple[float, float], size: tuple[int, int], scale: float
) -> NDArray[np.float32]:
    """A part of the slide at so many pixels of level 0 a pixel."""
    level = slide.level_for(scale * slide.um_per_pixel)
    step = scale / slide.downsamples[level]
    width, height = (max(1, round(each * step)) for each in size)
    pixels = slide.region(round(corner[0]), round(corner[1]), level, width, height)
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.float32)
