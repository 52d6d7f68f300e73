"""Values of tiles as colours over a picture of their slide."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import colormaps
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from datamodules.tile_map import average_tiles
from experiments.overlays import note_font, write_noted

MAP = "viridis"
"""Perceptually uniform, and colour-blind readers see it as others do."""
STRENGTH, FAINTEST = 0.6, 0.12
"""Share of the colour; the rest is the slide in grey."""
STRIP = 256
"""Rows coloured at once."""
BAR = (0.2, 0.8)
"""From where to where of the height the colour bar reaches; notes stand above and below."""
INK = (34, 34, 34)
SMALLEST_LETTER = 10

Picture = NDArray[np.uint8]
"""RGB ``(h, w, 3)``."""


def write_heatmap(
    path: Path,
    thumbnail: Picture,
    corners: NDArray[np.integer[Any]],
    side: float,
    downsample: float,
    values: NDArray[np.floating[Any]],
    caption: str,
    warning: str = "",
    meaning: str = "evidence",
) -> None:
    """Draw a heatmap with notes and write it as PNG, whole or not at all.

    Args:
        path: The PNG to write.
        thumbnail: See :func:`draw_heatmap`, also for the next five.
        corners: Of tiles.
        side: Of a tile.
        downsample: Of the thumbnail.
        values: Of tiles.
        caption: Stands at the bottom.
        warning: Stands at the top, on red; empty: nothing does.
        meaning: Of the values.
    """
    drawn = draw_heatmap(thumbnail, corners, side, downsample, values, meaning)
    write_noted(path, drawn, caption, warning)


def draw_heatmap(
    thumbnail: Picture,
    corners: NDArray[np.integer[Any]],
    side: float,
    downsample: float,
    values: NDArray[np.floating[Any]],
    meaning: str = "evidence",
) -> Picture:
    """Colour the tiles of a slide by their values; between them the slide stays as it is.

    Args:
        thumbnail: The whole slide, uint8 RGB ``(h, w, 3)``.
        corners: Upper left corners, x and y in pixels of level 0, shape ``(N, 2)``.
        side: Of a tile, in pixels of level 0.
        downsample: Pixels of level 0 to a pixel of the thumbnail.
        values: In 0..1, shape ``(N,)``; where tiles overlap, their mean counts. NaN has no colour.
        meaning: Stands at the colour bar.

    Returns:
        uint8 RGB ``(h, w + bar, 3)``.
    """
    heat = average_tiles(thumbnail.shape[:2], corners, side, downsample, values)
    height, width = heat.shape
    wide = _bar_width(height)
    drawn = np.full((height, width + wide, 3), 255, np.uint8)
    for top in range(0, height, STRIP):
        rows = slice(top, top + STRIP)
        drawn[rows, :width] = _blend(thumbnail[rows], heat[rows])
    bar = Image.fromarray(drawn[:, width:].copy())
    _draw_bar(bar, meaning)
    drawn[:, width:] = np.asarray(bar)
    return drawn


def _blend(rows: Picture, heat: NDArray[np.float32]) -> Picture:
    """Tiles in colour over grey; the rest as it is."""
    grey = rows @ np.array((0.299, 0.587, 0.114), np.float32)
    colours = colormaps[MAP](np.nan_to_num(heat))[..., :3] * 255
    share = FAINTEST + (STRENGTH - FAINTEST) * np.nan_to_num(heat)[..., None]
    blended = (1 - share) * grey[..., None] + share * colours
    return np.where(np.isnan(heat)[..., None], rows, np.rint(blended)).astype(np.uint8)


def _bar_width(height: int) -> int:
    return 4 * _letter(height)


def _letter(height: int) -> int:
    return max(SMALLEST_LETTER, height // 50)


def _draw_bar(strip: Image.Image, meaning: str) -> None:
    """Colours from 0 (bottom) to 1 (top), with what they mean."""
    letter = _letter(strip.height)
    top, bottom = (int(share * strip.height) for share in BAR)
    left, right = letter, 2 * letter
    shades = np.linspace(1, 0, max(2, bottom - top))[:, None].repeat(right - left, axis=1)
    colours = np.rint(colormaps[MAP](shades)[..., :3] * 255).astype(np.uint8)
    strip.paste(Image.fromarray(colours), (left, top))
    font, canvas = note_font(letter), ImageDraw.Draw(strip)
    middle = (left + right) / 2
    canvas.text((middle, top - letter // 3), "1", INK, font, anchor="mb")
    canvas.text((middle, bottom + letter // 3), "0", INK, font, anchor="mt")
    words = Image.new("RGB", (bottom - top, 2 * letter), "white")
    place = (words.width / 2, letter)
    ImageDraw.Draw(words).text(place, meaning, INK, font, anchor="mm")
    strip.paste(words.rotate(90, expand=True), (right, top))
