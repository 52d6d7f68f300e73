"""Bags of tiles as batches: their pixels, turned and recoloured while training."""

import os
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

from datamodules.bag_dataset import CHOICE, bag_batch
from datamodules.batches import ClassifierBatch
from datamodules.configs.slides import TileBags
from datamodules.loader_workers import batch_memory
from datamodules.samplers import Draw
from datamodules.slide_features import SlideFeatures
from datamodules.stored_bags import StoredBags
from datamodules.transforms.slide_reading import Slide, open_slide
from datamodules.transforms.slide_tiles import TileGrid, TileReader

SLIDES_OPEN = 8
"""That a process keeps open."""
TURNS = 8
"""Quarter turns of a tile and of its mirror image."""
WHITE = 255


class TileDataset(Dataset[ClassifierBatch]):
    """Whole batches of bags of tiles.

    Args:
        bags: Where the tiles of all cases lie.
        slides: Files of the slides of each case.
        targets: float32 ``(n, L)``.
        table: float32 ``(n, F)``, what is known of each case beside its tiles.
        config: How tiles are changed, and how many are seen.
        seed: Of the experiment.
        assumed_um_per_pixel: Of slides whose files do not say.
        most: Tiles of a case that training sees; None: this is evaluation.
    """

    def __init__(
        self,
        bags: StoredBags,
        slides: Sequence[Sequence[Path]],
        targets: NDArray[np.float32],
        table: NDArray[np.float32],
        config: TileBags,
        seed: int,
        assumed_um_per_pixel: float | None,
        most: int | None,
    ) -> None:
        self.bags, self.slides = bags, slides
        self.targets, self.table = targets, table
        self.config, self.seed, self.most = config, seed, most
        self.assumed = assumed_um_per_pixel

    def __len__(self) -> int:
        return len(self.targets)

    def __getitems__(self, draws: Sequence[Draw]) -> ClassifierBatch:
        """One batch; torch's loader hands over the whole list of draws."""
        parts = [self._tiles(draw) for draw in draws]
        counts = [len(part) for part in parts]
        side = parts[0].shape[1]
        image = batch_memory((sum(counts), 3, side, side), torch.uint8)
        for place, part in zip(image.split(counts), parts, strict=True):
            place.copy_(torch.from_numpy(part).permute(0, 3, 1, 2))
        return bag_batch(image, counts, draws, self.targets, self.table)

    def _tiles(self, draw: Draw) -> NDArray[np.uint8]:
        """Tiles of a case ``(n, side, side, 3)``."""
        count = int(self.bags.lengths[draw.case])
        if self.most is None:
            return self.read(draw.case, spread(count, self.config.evaluated))
        generator = np.random.default_rng([self.seed, draw.epoch, draw.draw, CHOICE])
        chosen = np.sort(generator.choice(count, min(count, self.most), replace=False))
        return vary(self.read(draw.case, chosen), self.config, generator)

    def read(self, case: int, chosen: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Some tiles of a case, as they are."""
        return read_tiles(self.slides[case], self.bags.slides(case), chosen, self.assumed)


def read_tiles(
    paths: Sequence[Path],
    slides: Sequence[SlideFeatures],
    chosen: NDArray[np.int64],
    assumed_um_per_pixel: float | None,
) -> NDArray[np.uint8]:
    """Tiles of a case, uint8 ``(n, side, side, 3)``.

    Args:
        paths: Of its slides.
        slides: Where the tiles of each lie.
        chosen: Which tiles of all of them, counted through, in rising order.
        assumed_um_per_pixel: Of slides whose files do not say.
    """
    parts, start = [], 0
    for path, slide in zip(paths, slides, strict=True):
        count = len(slide.coordinates)
        own = chosen[(chosen >= start) & (chosen < start + count)] - start
        start += count
        if len(own):
            reader = TileReader(_opened(path, assumed_um_per_pixel), grid_of(slide))
            parts.append(reader.read_many(own.tolist()))
    return np.concatenate(parts)


def grid_of(slide: SlideFeatures) -> TileGrid:
    """The grid that the tiles of a slide were read on."""
    return TileGrid(
        np.asarray(slide.coordinates, np.int64),
        slide.tile_side,
        int(slide.slide["tile_size"]),
        int(slide.slide["level"]),
        np.asarray(slide.tissue),
    )


_slides: OrderedDict[tuple[int, Path, float | None], Slide] = OrderedDict()
"""Open slides of this process, that used last at the end."""


def _opened(path: Path, assumed_um_per_pixel: float | None) -> Slide:
    key = (os.getpid(), path, assumed_um_per_pixel)  # a forked worker opens its own
    if key not in _slides:
        _slides[key] = open_slide(path, assumed_um_per_pixel)
        if len(_slides) > SLIDES_OPEN:
            _slides.popitem(last=False)[1].close()
    _slides.move_to_end(key)
    return _slides[key]


def spread(count: int, most: int) -> NDArray[np.int64]:
    """Positions of so many of ``count`` tiles at most, evenly spread."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(np.int64))


def vary(
    tiles: NDArray[np.uint8], config: TileBags, generator: np.random.Generator
) -> NDArray[np.uint8]:
    """Tiles ``(n, side, side, 3)``, each turned and mirrored, the stain of all changed alike."""
    if config.turn:
        turns = generator.integers(TURNS, size=len(tiles))
        tiles = np.stack(
            [_turned(tile, int(turn)) for tile, turn in zip(tiles, turns, strict=True)]
        )
    if config.colour:
        low, high = 1 - config.colour, 1 + config.colour
        strength, colour = generator.uniform(low, high, 2)
        channels = generator.uniform(low, high, 3).astype(np.float32)
        absorbed = 1 - tiles.astype(np.float32) / WHITE  # of glass nothing: it stays what it is
        grey = absorbed.mean(axis=-1, keepdims=True)
        absorbed = (grey + (absorbed - grey) * colour) * strength * channels
        tiles = (WHITE * (1 - absorbed.clip(0, 1))).round().astype(np.uint8)
    return tiles


def _turned(tile: NDArray[np.uint8], turn: int) -> NDArray[np.uint8]:
    turned = np.rot90(tile, turn % 4)
    return turned if turn < TURNS // 2 else turned[:, ::-1]
