"""A contact sheet of cases that the model got wrong, with where it looked."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.figures.style import HEAT, new_figure, note, shorten, styled

Image = npt.NDArray[np.floating]

COLUMNS = 4
PANEL_INCHES = 2.3
WIDE = 1.6
"""Pictures that are on average so many times as wide as high stand two in a row."""


@dataclass(frozen=True)
class Picture:
    """One case of a contact sheet.

    Attributes:
        image: Grey values 0..1, shape ``(H, W)``, or RGB ``(H, W, 3)``.
        caption: Lines below the image: ``("true: Nodule", "predicted .03", "case 17")``.
        heatmap: What drove the prediction, 0..1, of any height and width; None: not known.
    """

    image: Image
    caption: tuple[str, ...]
    heatmap: Image | None = None


@styled
def contact_sheet(pictures: Sequence[Picture], title: str = "Most confident mistakes") -> Figure:
    """Images in a grid, four in a row (wide ones two), with the heatmap over each in colour.

    Args:
        pictures: What to show, in this order.
        title: Title of the sheet.
    """
    count = len(pictures)
    shapes = [picture.image.shape[:2] for picture in pictures] or [(1, 1)]
    wide = sum(width / height for height, width in shapes) / len(shapes) > WIDE
    most = COLUMNS // 2 if wide else COLUMNS
    rows, columns = max(1, math.ceil(count / most)), min(most, max(1, count))
    lines = max((len(picture.caption) for picture in pictures), default=0)
    width = PANEL_INCHES * COLUMNS / most
    height = 1.6 if wide else 2.2
    figure = new_figure(max(4.0, width * columns), rows * (height + 0.19 * lines) + 0.5, title)
    grid = figure.subplots(rows, columns, squeeze=False).flatten()
    for axes in grid:
        axes.axis("off")
    for axes, picture in zip(grid, pictures, strict=False):
        _draw(axes, picture)
    if not count:
        note(grid[0], "none: every decision was right")
    return figure


def overlay(heatmap: Image) -> npt.NDArray[np.float64]:
    """Colours of a heatmap, RGBA ``(H, W, 4)``: the cooler, the more transparent."""
    heat = np.clip(np.nan_to_num(heatmap.astype(np.float64)), 0, 1)
    colors = np.asarray(colormaps[HEAT](heat))
    colors[..., 3] = 0.6 * heat
    return colors


def _draw(axes: Axes, picture: Picture) -> None:
    height, width = picture.image.shape[:2]
    extent = (0, width, height, 0)
    axes.imshow(picture.image, cmap="gray", vmin=0, vmax=1, extent=extent)
    if picture.heatmap is not None:
        axes.imshow(overlay(picture.heatmap), extent=extent, interpolation="bilinear")
    lines = "\n".join(shorten(line, 36) for line in picture.caption)
    axes.text(0, -0.03, lines, transform=axes.transAxes, va="top", fontsize=7.5)
