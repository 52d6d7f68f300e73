"""Tiles of a slide: which there are, and their pixels."""

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from datamodules.configs.slide_tiles import TilesConfig
from datamodules.errors import DataError
from datamodules.transforms.slide_reading import SAME_SCALE, Slide
from datamodules.transforms.slide_sharpness import sharpness
from datamodules.transforms.slide_tissue import Tissue
from datamodules.transforms.tile_means import tile_means

MOST_ENLARGED = 2.0


@dataclass(frozen=True, eq=False)
class TileGrid:
    """The tiles of a slide that have tissue, row by row.

    Attributes:
        corners: Upper left corners, ``(N, 2)``, x and y in pixels of level 0.
        side: Side of a tile in pixels of level 0.
        size: Side of a tile in pixels of its own.
        level: From which level it is read.
        tissue: Share of each tile that is tissue, ``(N,)``.
    """

    corners: NDArray[np.int64]
    side: float
    size: int
    level: int
    tissue: NDArray[np.float32]


def tile_grid(slide: Slide, tissue: Tissue, config: TilesConfig) -> TileGrid:
    """Lay the grid over a slide, from its upper left corner, and keep tiles with tissue in focus.

    A level within 1 % of the scale asked for is taken as it is, so that tiles are cut, not
    resized; on it corners are whole pixels. The last row and column may reach beyond the slide.

    Raises:
        DataError: If no tile has enough tissue, all are blurred, or the slide is more than twice
            as coarse as asked for.
    """
    level, scale = _level(slide, config)
    downsample = slide.downsamples[level]
    side = config.size * scale / downsample  # in pixels of the level
    step = side * (1 - config.overlap)
    if scale == downsample:
        step = max(1.0, round(step))
    starts = tuple(_starts(length, side, step) * downsample for length in slide.level_sizes[level])
    across, down = (each.round().astype(np.int64) for each in starts)
    side *= downsample
    share = tile_means(tissue.mask, slide.size, across, down, side).astype(np.float32)
    kept = (share > 0) & (share >= config.least_tissue)
    if not kept.any():
        raise DataError(
            f"{slide.path.name}: no tile has {config.least_tissue:.0%} tissue (at most "
            f"{share.max():.0%}); lower --data.tiles.least-tissue, or use smaller tiles"
        )
    if config.least_sharpness > 0:
        kept &= _in_focus(slide, kept, (across, down, side), config)
    rows, columns = np.nonzero(kept)
    corners = np.stack([across[columns], down[rows]], axis=1)
    return TileGrid(corners, side, config.size, level, share[kept])


def _level(slide: Slide, config: TilesConfig) -> tuple[int, float]:
    """The level to read, and pixels of level 0 along one of a tile.

    Raises:
        DataError: If the slide is too coarse.
    """
    scale = config.um_per_pixel / slide.um_per_pixel
    if scale * MOST_ENLARGED * SAME_SCALE < 1:
        raise DataError(
            f"{slide.path.name}: it has {slide.um_per_pixel:g} um per pixel, and tiles are to have "
            f"{config.um_per_pixel:g}, which is more than twice as fine; set "
            f"--data.tiles.um-per-pixel {slide.um_per_pixel:.2g} or coarser"
        )
    level = slide.level_for(config.um_per_pixel)
    own = slide.downsamples[level]
    return level, own if max(scale / own, own / scale) <= SAME_SCALE else scale


def _starts(length: int, side: float, step: float) -> NDArray[np.float64]:
    """Of tiles along an axis, the last of which reaches its end."""
    count = 1 + max(0, int(np.ceil((length - side) / step - 1e-9)))
    return np.arange(count, dtype=np.float64) * step


def _in_focus(
    slide: Slide,
    kept: NDArray[np.bool_],
    places: tuple[NDArray[np.int64], NDArray[np.int64], float],
    config: TilesConfig,
) -> NDArray[np.bool_]:
    """Which tiles are not blurred; what has no detail at all cannot be called so.

    Raises:
        DataError: If all of those that have tissue are.
    """
    found = sharpness(slide, kept, *places)
    sharp = ~(found < config.least_sharpness)
    if not (sharp & kept).any():
        raise DataError(
            f"{slide.path.name}: all {kept.sum()} tiles with tissue are blurred (sharpness at most "
            f"{np.nanmax(found[kept]):.2f}); take the slide out, or lower "
            "--data.tiles.least-sharpness"
        )
    return sharp


class TileReader:
    """Reads the tiles of a grid; several threads may read at once."""

    def __init__(self, slide: Slide, grid: TileGrid) -> None:
        self.slide, self.grid = slide, grid
        self._side = max(1, round(grid.side / slide.downsamples[grid.level]))

    def read(self, number: int) -> NDArray[np.uint8]:
        """Read a tile by its number in the grid: RGB, ``(size, size, 3)``.

        Raises:
            DataError: If the file is damaged or cut off there.
        """
        x, y = (int(each) for each in self.grid.corners[number])
        pixels = self.slide.region(x, y, self.grid.level, self._side, self._side)
        size = self.grid.size
        if self._side == size:
            return pixels
        kind = cv2.INTER_AREA if self._side > size else cv2.INTER_CUBIC
        return np.asarray(cv2.resize(pixels, (size, size), interpolation=kind), np.uint8)

    def read_many(self, numbers: Iterable[int]) -> NDArray[np.uint8]:
        """Read tiles by their numbers: RGB, ``(n, size, size, 3)``.

        Raises:
            DataError: If the file is damaged or cut off at one of them.
        """
        chosen = list(numbers)
        found = np.empty((len(chosen), self.grid.size, self.grid.size, 3), np.uint8)
        for place, number in enumerate(chosen):
            found[place] = self.read(number)
        return found
