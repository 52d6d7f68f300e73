"""From slide to stored features, beside the encoder's forward pass alone on tiles in memory.

What Lightbox does in that time: open the slide, find its tissue, read its tiles while the encoder
computes, and write the file of features. The encoder is a ResNet-50 with random weights, at tiles
of 256 pixels, on all cores.
"""

import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datamodules.configs.slide_tiles import TissueConfig
from datamodules.configs.slides import FeatureBags, SlidesConfig
from datamodules.feature_store import FeatureStore
from datamodules.slide_extraction import SlideFile, extract
from datamodules.slide_recipe import recipe_of
from datamodules.transforms.slide_reading import open_slide
from datamodules.transforms.slide_tiles import TileReader, tile_grid
from datamodules.transforms.slide_tissue import find_tissue
from experiments.benchmarks.comparison import Comparison
from experiments.benchmarks.sizes import Sizes
from experiments.benchmarks.slide_files import write_slide
from experiments.benchmarks.timing import interleaved
from lightning_modules.configs.classifier_networks import TimmEncoderSettings
from lightning_modules.networks.tile_encoders import FrozenTileEncoder

PIXELS = 4096
"""Of the slide; some 130 of its tiles are tissue."""
TILES_AT_ONCE = 16
GOAL = 0.9


def compare(sizes: Sizes, folder: Path) -> Iterator[Comparison]:
    """Tiles a second, from file to file, and of the encoder alone."""
    path = write_slide(folder / "slide.tif", PIXELS)
    config = SlidesConfig(bags=FeatureBags(encoder="resnet50", tiles_at_once=TILES_AT_ONCE))
    encoder = FrozenTileEncoder(TimmEncoderSettings(encoder="resnet50", pretrained=False))
    tiles = _tiles(path, config)
    encoder.encode(tiles[:TILES_AT_ONCE])
    rates = interleaved(
        {
            "ours": partial(_from_file, path, config, encoder),
            "alone": partial(_alone, tiles, encoder),
        },
        sizes.rounds,
    )
    yield Comparison(
        "slide to features, ResNet-50",
        "tiles/s",
        rates["ours"],
        "times the rate",
        GOAL,
        "the encoder alone, tiles in memory",
        rates["alone"],
    )


def _tiles(path: Path, config: SlidesConfig) -> NDArray[np.uint8]:
    with open_slide(path) as slide:
        grid = tile_grid(slide, find_tissue(slide, TissueConfig(), path.stem), config.tiles)
        return TileReader(slide, grid).read_many(range(len(grid.corners)))


def _from_file(path: Path, config: SlidesConfig, encoder: FrozenTileEncoder) -> float:
    store = FeatureStore(recipe_of(config, encoder))
    for file in store.path.glob("*.safetensors"):
        file.unlink()
    start = time.perf_counter()
    [found] = extract([SlideFile("slide", path)], config, encoder)
    return len(found.features.features) / (time.perf_counter() - start)


def _alone(tiles: NDArray[np.uint8], encoder: FrozenTileEncoder) -> float:
    start = time.perf_counter()
    for at in range(0, len(tiles), TILES_AT_ONCE):
        encoder.encode(tiles[at : at + TILES_AT_ONCE])
    return len(tiles) / (time.perf_counter() - start)
