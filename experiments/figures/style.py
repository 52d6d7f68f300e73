"""One look for every figure: sizes, fonts, colours that colour-blind readers can tell apart."""

import math
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from datamodules.whole_files import whole_file

Parameters = ParamSpec("Parameters")

DPI = 150
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#5B4B9A")
"""Okabe and Ito (2008), with a violet for their yellow, which is too light for a line on white."""
INK, MUTED, FAINT = "#222222", "#6B6B6B", "#D0D0D0"
SHADES = "Blues"
"""Colour map of counts."""
HEAT = "inferno"
"""Colour map of heatmaps over grey images."""

STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "text.color": INK,
    "text.parse_math": False,
    "axes.titlesize": 9,
    "axes.titlelocation": "left",
    "axes.labelsize": 9,
    "axes.labelcolor": INK,
    "axes.edgecolor": MUTED,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": "#EBEBEB",
    "grid.linewidth": 0.8,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.fontsize": 8,
    "legend.edgecolor": "none",
    "legend.framealpha": 0.85,
    "lines.linewidth": 1.6,
    "figure.titlesize": 11,
    "figure.titleweight": "bold",
    "figure.labelsize": 9,
}


def styled(draw: Callable[Parameters, Figure]) -> Callable[Parameters, Figure]:
    """Draw in the house style, whatever the settings of the process are."""

    @wraps(draw)
    def drawn(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Figure:
        with mpl.rc_context():
            mpl.rcdefaults()
            mpl.rcParams.update(STYLE)
            return draw(*args, **kwargs)

    return drawn


def new_figure(width: float, height: float, title: str) -> Figure:
    """An empty figure of the given size in inches, with its title at the left."""
    figure = Figure(figsize=(width, height), dpi=DPI, facecolor="white")
    figure.set_layout_engine("constrained", w_pad=0.08, h_pad=0.08)
    FigureCanvasAgg(figure)
    figure.suptitle(title, x=0.015, ha="left")
    return figure


def panels(count: int, title: str) -> tuple[Figure, list[Axes]]:
    """A grid of panels with common axes, at most five in a row, the smaller the more."""
    size = {1: 4.4, 2: 3.2, 3: 2.6}.get(count, 2.0)
    rows = math.ceil(count / 5)
    columns = math.ceil(count / rows)
    figure = new_figure(columns * size + 0.5, rows * (size + 0.35) + 0.8, title)
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).flatten()
    for axes in grid[count:]:
        axes.remove()
    for axes in grid[count - columns : count]:
        axes.tick_params(labelbottom=True)
    return figure, list(grid[:count])


def unit_square(axes: Axes) -> None:
    """Both axes from 0 to 1, equally long, with room for what lies on the edge."""
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
    axes.set_xticks((0, 0.25, 0.5, 0.75, 1), ("0", ".25", ".5", ".75", "1"))
    axes.set_yticks((0, 0.25, 0.5, 0.75, 1), ("0", ".25", ".5", ".75", "1"))


def name_axes(figure: Figure, x: str, y: str) -> None:
    """Name both axes, once for all panels."""
    if len(figure.axes) == 1:
        figure.axes[0].set(xlabel=x, ylabel=y)
    else:
        figure.supxlabel(x)
        figure.supylabel(y)


def note(axes: Axes, text: str) -> None:
    """Say in the middle of a panel why nothing is drawn."""
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color=MUTED)


def shorten(name: str, length: int = 24) -> str:
    """Cut a long name, so that it fits above a small panel."""
    return name if len(name) <= length else name[: length - 1].rstrip() + "\N{HORIZONTAL ELLIPSIS}"


def save(figure: Figure, path: Path) -> None:
    """Write a PNG; it is whole or absent, and the same figure gives the same bytes."""
    with whole_file(path) as file:
        figure.savefig(file, format="png", dpi=DPI, metadata={"Software": None})
