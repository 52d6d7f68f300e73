"""A trained detector applied to whole slides: tile by tile, at the scale that it was trained at."""

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from datamodules.configs.slide_tiles import TilesConfig, TissueConfig
from datamodules.errors import DataError
from datamodules.parallel import map_in_order, shown
from datamodules.transforms.slide_reading import SAME_SCALE, Slide, open_slide
from datamodules.transforms.slide_tiles import MOST_ENLARGED, TileGrid, TileReader, tile_grid
from datamodules.transforms.slide_tissue import Tissue, all_of, look_for_tissue
from datamodules.transforms.volume_preprocessing import PreparedVolume, PreprocessVolume
from datamodules.volume import Volume
from experiments.box_predictor import BoxPredictor, PredictedBoxes
from experiments.slide_box_scale import TileSize, size_tiles
from lightning_modules.tile_detection import TiledDetection, TilePlaces

LOG = logging.getLogger("lightbox")
LONGEST_SIDE = 2048
"""Of a small picture of a slide, in pixels."""


@dataclass(frozen=True)
class SlideOptions:
    """What a person says of slides.

    Attributes:
        um_per_pixel: Of the images that the model was trained on; None: they say it themselves.
        assumed_um_per_pixel: Of slides that do not say it.
        everywhere: Look at all of a slide, not only where it has tissue.
        batch_size: Tiles a forward pass.
    """

    um_per_pixel: float | None = None
    assumed_um_per_pixel: float | None = None
    everywhere: bool = False
    batch_size: int = 16


@dataclass(frozen=True, eq=False)
class PredictedSlide(PredictedBoxes):
    """What a detector says of a slide, in pixels of its level 0.

    Attributes:
        thumbnail: The whole slide, RGB ``(h, w, 3)``.
    """

    thumbnail: NDArray[np.uint8]


class SlideBoxPredictor:
    """Finds objects in slides, of which it never holds more than a few tiles.

    Args:
        predictor: The trained model, or several.
        options: What a person says of the slides.

    Attributes:
        tiles: Their scale and size.

    Raises:
        ConfigError: If it is no model for slides, or nobody says the scale of its images.
    """

    def __init__(self, predictor: BoxPredictor, options: SlideOptions) -> None:
        self._modules, self._options = predictor.modules, options
        self.tiles: TileSize = size_tiles(
            predictor.modules[0], predictor.data, options.um_per_pixel
        )
        self._preprocess = PreprocessVolume(predictor.data.preprocessing)

    def predict(self, path: Path) -> PredictedSlide:
        """Find the objects of one slide.

        Raises:
            DataError: If it cannot be read, does not say its scale, is too coarse or has no tissue.
        """
        began = time.monotonic()
        setting = "--assumed-um-per-pixel"
        with open_slide(path, self._options.assumed_um_per_pixel, setting) as slide:
            width, height = slide.size
            grid = self._grid(slide)
            overlap = self.tiles.overlap * grid.side
            places = TilePlaces(
                *(grid.corners[:, ::-1], grid.side, grid.side / grid.size, overlap),
                (height, width),
            )
            tiled = TiledDetection(self._modules, places)
            for numbers, tiles in self._batches(slide, grid):
                geometries = [tile.geometry for tile in tiles]
                with torch.inference_mode():
                    images = [torch.from_numpy(tile.image) for tile in tiles]
                    tiled.add(numbers, images, geometries)
            scale = slide.um_per_pixel * max(1.0, max(slide.size) / LONGEST_SIDE)
            thumbnail = slide.thumbnail(scale)
        boxes = tiled.boxes()
        LOG.info(
            "%s: %d objects in %d tiles, %.0f s",
            *(path.name, len(boxes.scores), len(grid.corners), time.monotonic() - began),
        )
        return PredictedSlide((height, width), boxes, tiled.highest, thumbnail)

    def _grid(self, slide: Slide) -> TileGrid:
        """Tiles that have any tissue, sharp or not.

        Raises:
            DataError: If there is none, or the slide is too coarse.
        """
        tiles = self.tiles
        if slide.um_per_pixel > tiles.um_per_pixel * MOST_ENLARGED * SAME_SCALE:
            raise DataError(
                f"{slide.path.name}: it has {slide.um_per_pixel:g} um per pixel, and the model was"
                f" trained at {tiles.um_per_pixel:g}, which is more than twice as fine"
            )
        config = TilesConfig(
            size=tiles.size,
            um_per_pixel=tiles.um_per_pixel,
            overlap=tiles.overlap,
            least_tissue=0,
            least_sharpness=0,
        )
        return tile_grid(slide, self._tissue(slide), config)

    def _tissue(self, slide: Slide) -> Tissue:
        if self._options.everywhere:
            return all_of(slide)
        tissue = look_for_tissue(slide, TissueConfig())
        if not tissue.mask.any():
            raise DataError(
                f"{slide.path.name}: a slide without tissue; of smears and of stains without"
                " colour, say --everywhere: all of a slide is looked at"
            )
        return tissue

    def _batches(
        self, slide: Slide, grid: TileGrid
    ) -> Iterator[tuple[Sequence[int], list[PreparedVolume]]]:
        """Prepared tiles with their numbers; threads read some ahead of who looks at them."""
        reader, count, size = TileReader(slide, grid), len(grid.corners), self._options.batch_size
        affine = self.tiles.affine

        def prepare(number: int) -> PreparedVolume:
            pixels = np.ascontiguousarray(reader.read(number).transpose(2, 0, 1))
            return self._preprocess(Volume(pixels, affine, self.tiles.has_spacing))

        with closing(map_in_order(prepare, range(count))) as read:
            tiles = shown(read, slide.path.name, count, what="tiles")
            for start in range(0, count, size):
                numbers = range(start, min(start + size, count))
                yield numbers, [tile for _, tile in zip(numbers, tiles, strict=False)]
