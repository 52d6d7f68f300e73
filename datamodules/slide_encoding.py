"""One slide: its tissue, its tiles, and what an encoder makes of them."""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from datamodules.configs.slides import SlideSettings
from datamodules.errors import DataError
from datamodules.parallel import map_in_order
from datamodules.slide_features import SlideFeatures
from datamodules.slide_recipe import recipe_of
from datamodules.tile_colours import TileColours
from datamodules.tile_encoder import TileEncoder
from datamodules.transforms.slide_reading import Slide
from datamodules.transforms.slide_tiles import TileReader, tile_grid
from datamodules.transforms.slide_tissue import find_tissue

TILES_A_JOB = 16
"""Tiles that a thread reads at a time."""


def encode_slide(
    slide: Slide,
    config: SlideSettings,
    encoder: TileEncoder,
    done: Callable[[int], None] = lambda _: None,
) -> SlideFeatures:
    """Features of the tiles of a slide.

    Args:
        slide: Open.
        config: How it is cut into tiles.
        encoder: What looks at the tiles.
        done: Told how many tiles were encoded since the last time.

    Raises:
        DataError: If there is no tissue, or the file is damaged.
    """
    tissue = find_tissue(slide, config.tissue, slide.path.stem, config.masks)
    grid = tile_grid(slide, tissue, config.tiles)
    reader = TileReader(slide, grid)
    parts, colours = [], TileColours()
    for tiles in tile_batches(reader, len(grid.corners), config):
        parts.append(encoder.encode(tiles))
        colours.add(tiles)
        done(len(tiles))
    width, height = slide.size
    facts = {
        "width": width,
        "height": height,
        "um_per_pixel": slide.um_per_pixel,
        "tile_side": grid.side,
        "tile_size": grid.size,
        "level": grid.level,
        "tissue_share": tissue.share,
        "content": slide.content.hex(),
        **colours.facts(),
    }
    features = np.concatenate(parts)
    if not np.isfinite(features).all():
        raise DataError("the encoder gives features that are no numbers, or too large for 16 bits")
    return SlideFeatures(
        features, grid.corners.astype(np.int32), grid.tissue, facts, recipe_of(config, encoder)
    )


def tile_batches(
    reader: TileReader, count: int, config: SlideSettings
) -> Iterator[NDArray[np.uint8]]:
    """All tiles in batches; threads read ahead of who encodes them."""
    size = config.bags.tiles_at_once if config.bags.kind == "features" else TILES_A_JOB
    jobs = [range(start, min(start + TILES_A_JOB, count)) for start in range(0, count, TILES_A_JOB)]
    waiting: list[NDArray[np.uint8]] = []
    held = 0
    for part in map_in_order(reader.read_many, jobs):
        waiting.append(part)
        held += len(part)
        while held >= size:
            joined = np.concatenate(waiting)
            yield joined[:size]
            waiting, held = [joined[size:]], held - size
    if held:
        yield np.concatenate(waiting)
