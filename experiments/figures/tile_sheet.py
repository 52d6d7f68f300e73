"""A contact sheet of the tiles that counted most and least."""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from experiments.figures.style import INK, MUTED, new_figure, note, shorten, styled

COLUMNS = 6
MOST = 12
"""Tiles of either kind."""
SIDE_INCHES = 1.45
LONGEST = 22
"""Letters that fit beneath a tile."""
LONGEST_BAR = 0.4
"""Of a scale bar, as a share of the tile."""


def extreme_tiles(scores: NDArray[np.floating], most: int = MOST) -> NDArray[np.int64]:
    """Which tiles a sheet shows: those of the highest scores, then those of the lowest.

    Args:
        scores: One a tile, shape ``(N,)``.
        most: Of either kind; of few tiles none is of both.

    Returns:
        Positions, the highest score first and the lowest last, shape ``(2 * most,)`` or fewer.
    """
    order = np.argsort(-scores, kind="stable")
    count = min(most, len(order) // 2)
    return np.concatenate([order[: max(count, 1)], order[len(order) - count :]])


@styled
def draw_tile_sheet(
    tiles: Sequence[NDArray[np.uint8]],
    scores: Sequence[float],
    captions: Sequence[str] = (),
    um_per_pixel: float | None = None,
    name: str = "attention",
) -> Figure:
    """Tiles in two groups, of the highest scores and of the lowest, with a scale bar.

    Args:
        tiles: RGB uint8 ``(H, W, 3)``, such as those of :func:`extreme_tiles`, in any order.
        scores: One a tile.
        captions: A line beneath each; none: its score only.
        um_per_pixel: Scale of the tiles; None: no scale bar.
        name: Of the scores.
    """
    order = sorted(range(len(tiles)), key=lambda at: -scores[at])
    half = (len(order) + 1) // 2
    groups = [group for group in (order[:half], order[half:]) if group]
    rows = [math.ceil(len(group) / COLUMNS) for group in groups]
    lines = 2 if captions else 1
    height = (sum(rows) or 1) * (SIDE_INCHES + 0.17 * lines) + 0.3 * len(rows) + 0.6
    figure = new_figure(COLUMNS * SIDE_INCHES + 0.4, height, f"Tiles by {name}")
    if not groups:
        note(_bare(figure.subplots()), "no tiles")
        return figure
    parts = figure.subfigures(len(groups), 1, squeeze=False, height_ratios=rows)[:, 0]
    for part, group, count, which in zip(parts, groups, rows, ("Highest", "Lowest"), strict=False):
        part.suptitle(which, x=0.015, ha="left", fontsize=9, fontweight="normal", color=MUTED)
        grid = [_bare(axes) for axes in part.subplots(count, COLUMNS, squeeze=False).flatten()]
        for axes, at in zip(grid, group, strict=False):
            lines_below = [
                f"{scores[at]:.3g}",
                *(shorten(text, LONGEST) for text in captions[at : at + 1]),
            ]
            axes.imshow(tiles[at])
            axes.text(
                *(0, -0.04, "\n".join(lines_below)), transform=axes.transAxes, va="top", fontsize=7
            )
        if um_per_pixel is not None:
            _draw_scale(grid[0], tiles[group[0]].shape[1], um_per_pixel)
    return figure


def scale_length(width_um: float) -> float:
    """The longest of 1, 2 or 5 times a power of ten that a scale bar may be, in um."""
    most = LONGEST_BAR * width_um
    power = 10.0 ** math.floor(math.log10(most))
    return max(step * power for step in (1, 2, 5) if step * power <= most)


def _draw_scale(axes: Axes, width: int, um_per_pixel: float) -> None:
    length = scale_length(width * um_per_pixel)
    share = length / (width * um_per_pixel)
    ground = Rectangle(
        (0.03, 0.03), share + 0.08, 0.17, transform=axes.transAxes, color="white", alpha=0.8, lw=0
    )
    axes.add_patch(ground)
    axes.add_patch(Rectangle((0.07, 0.06), share, 0.025, transform=axes.transAxes, color=INK, lw=0))
    axes.text(
        *(0.07 + share / 2, 0.1, f"{length:g} \N{MICRO SIGN}m"),
        transform=axes.transAxes,
        ha="center",
        va="bottom",
        fontsize=6,
    )


def _bare(axes: Axes) -> Axes:
    axes.axis("off")
    return axes
