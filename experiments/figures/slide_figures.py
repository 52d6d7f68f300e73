"""Figures of a slide classifier: attention over slides, and the tiles that counted most."""

from collections.abc import Iterator, Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from datamodules.slide_bags import slide_paths
from datamodules.slides import SlidesData
from datamodules.tile_dataset import read_tiles
from experiments.figures.confident_mistakes import evidence_maps
from experiments.figures.mistakes import Picture, contact_sheet
from experiments.figures.style import shorten
from experiments.figures.tile_sheet import MOST, draw_tile_sheet, extreme_tiles
from lightning_modules.base import Row
from lightning_modules.slide_classifier import SlideClassifier

WHITE = 255
SLIDES = 6
"""On the sheet of slides, at most."""
SLIDES_OF_TILES = 4
"""Whose tiles are compared."""
LONGEST = 34


def attention_sheet(module: SlideClassifier, data: SlidesData) -> Figure:
    """Slides that show a label and are given the highest probability of it, with attention.

    Args:
        module: Evaluated; slides are those of the test cases, or else of the validation cases.
        data: Has the slides.
    """
    chosen = most_certain(module, SLIDES)
    indices = _indices(data, chosen)
    maps = evidence_maps(module, data, [output for _, output in chosen], indices)
    shown = map(data.picture_of, indices, maps)
    labels = module.data.labels.names
    return contact_sheet(
        [
            Picture(
                image.astype(np.float32) / WHITE,
                (f"{labels[output]} {row['scores'][output]:.2f}", shorten(row["case_id"], LONGEST)),
                heatmap,
            )
            for (image, heatmap), (row, output) in zip(shown, chosen, strict=True)
        ],
        title="What tiles count for",
    )


def attention_tiles(module: SlideClassifier, data: SlidesData) -> Figure:
    """Tiles of those slides that attention weighs most, and least."""
    chosen = most_certain(module, SLIDES_OF_TILES)
    indices = _indices(data, chosen)
    maps = evidence_maps(module, data, [output for _, output in chosen], indices)
    known = [np.nan_to_num(values) for values in maps if values is not None]
    most = max(1, MOST // max(1, len(indices)))
    tiles: list[NDArray[np.uint8]] = []
    scores: list[float] = []
    captions: list[str] = []
    for index, values in zip(indices, known, strict=True):
        extreme = np.sort(extreme_tiles(values, most))
        tiles += list(_tiles(data, index, extreme))
        scores += values[extreme].tolist()
        captions += [data.table.cases[index].case_id] * len(extreme)
    return draw_tile_sheet(tiles, scores, captions, data.config.tiles.um_per_pixel, "weight")


def most_certain(module: SlideClassifier, most: int) -> list[tuple[Row, int]]:
    """Rows of cases that show a label, and its number: the most probable ones."""
    rows = module.rows.get("test") or module.rows["val"]
    shown = [
        (row, output) for row in rows for output, target in enumerate(row["targets"]) if target == 1
    ]
    shown.sort(key=lambda each: -each[0]["scores"][each[1]])
    return shown[:most]


def _indices(data: SlidesData, chosen: Sequence[tuple[Row, int]]) -> list[int]:
    index_of = {case.case_id: index for index, case in enumerate(data.table.cases)}
    return [index_of[row["case_id"]] for row, _ in chosen]


def _tiles(data: SlidesData, index: int, chosen: NDArray[np.int64]) -> Iterator[NDArray[np.uint8]]:
    paths = slide_paths(data.table, data.table.cases[index])
    assumed = data.config.assumed_um_per_pixel
    yield from read_tiles(paths, data.bags.slides(index), chosen, assumed)
