"""Pictures of bags for a person: the slide, small, or a table of features."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from datamodules.cases import CaseTable, resolve
from datamodules.configs.slides import SlideSettings
from datamodules.labelled import Picture
from datamodules.slide_bags import has_ready_features
from datamodules.stored_bags import StoredBags
from datamodules.tile_map import average_tiles

LONGEST_SIDE = 512
"""Of a picture, in pixels."""
MOST_ROWS = 512
GREYS = 255


def draw_bag(
    table: CaseTable,
    index: int,
    bags: StoredBags,
    config: SlideSettings,
    evidence: NDArray[np.float32] | None,
) -> Picture:
    """The first slide of a case, and what each of its tiles counts for.

    Args:
        table: The cases.
        index: Position of the case.
        bags: Of all cases.
        config: How slides are opened.
        evidence: Of each tile of the case, 0..1.
    """
    features = bags.slides(index)[0]
    own = None if evidence is None else evidence[: len(features.features)]
    if has_ready_features(table):
        return _table_of(np.asarray(features.features, np.float32), own)
    from datamodules.transforms.slide_reading import open_slide

    source = next(iter(table.cases[index].inputs.values()))
    with open_slide(resolve(table.root, source.path), config.assumed_um_per_pixel) as slide:
        scale = slide.um_per_pixel * max(slide.size) / LONGEST_SIDE
        image = slide.thumbnail(max(scale, slide.um_per_pixel))
        down = slide.size[0] / image.shape[1]
    if own is None:
        return Picture(image, None)
    shape = (image.shape[0], image.shape[1])
    heat = average_tiles(shape, features.coordinates, features.tile_side, down, own)
    return Picture(image, np.nan_to_num(heat))


def draw_tiles(path: Path, config: SlideSettings) -> NDArray[np.uint8]:
    """What counts as tissue in a slide, and where its tiles lie, RGB uint8."""
    from datamodules.transforms.slide_reading import open_slide
    from datamodules.transforms.slide_sheet import draw_tissue
    from datamodules.transforms.slide_tiles import tile_grid
    from datamodules.transforms.slide_tissue import find_tissue

    with open_slide(path, config.assumed_um_per_pixel) as slide:
        tissue = find_tissue(slide, config.tissue, path.stem, config.masks)
        return draw_tissue(slide, tissue, tile_grid(slide, tissue, config.tiles))


def _table_of(features: NDArray[np.float32], evidence: NDArray[np.float32] | None) -> Picture:
    """Features as greys, a row a tile, and the evidence of a tile along its row."""
    rows = features[:MOST_ROWS]
    low, high = np.quantile(rows, [0.01, 0.99])
    grey = np.clip((rows - low) / max(high - low, 1e-9), 0, 1) * GREYS
    size = (LONGEST_SIDE // 2, LONGEST_SIDE // 2)
    image = cv2.resize(grey.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
    if evidence is None:
        return Picture(image, None)
    column = evidence[:MOST_ROWS, None].astype(np.float32)
    return Picture(image, cv2.resize(column, size, interpolation=cv2.INTER_NEAREST))
