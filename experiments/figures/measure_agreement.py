"""Measures of landmarks: predicted against true, and the limits of their agreement."""

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from experiments.figures.style import COLORS, MUTED, new_figure, note, shorten, styled

Values = NDArray[np.float64]

MOST = 8
"""Measures that are drawn."""
WIDTH = 1.96
"""Standard deviations on either side that hold 95 % of a normal distribution."""
SIDE_INCHES = 2.7


class Measured(NamedTuple):
    """One measure of every case; NaN is undefined.

    Attributes:
        predicted: ``(n,)``.
        true: ``(n,)``.
        unit: Empty of a ratio.
    """

    predicted: Values
    true: Values
    unit: str


@styled
def measure_agreement(measures: Mapping[str, Measured]) -> Figure:
    """Two panels a measure: predicted against true, and Bland and Altman's plot.

    Args:
        measures: By name; of many the first eight.

    References:
        Bland and Altman, "Statistical methods for assessing agreement between two methods of
        clinical measurement", Lancet 1986.
    """
    shown = dict(list(measures.items())[:MOST])
    columns = 4 if len(shown) > 1 else 2
    rows = -(-2 * len(shown) // columns)
    part = f" (the first {MOST} of {len(measures)})" * (len(measures) > len(shown))
    title = f"Measures, predicted and true{part}"
    width, height = columns * SIDE_INCHES + 0.4, rows * (SIDE_INCHES + 0.3) + 0.6
    figure = new_figure(width, height, title)
    grid = figure.subplots(rows, columns, squeeze=False).flatten()
    for number, (name, measured) in enumerate(shown.items()):
        identity, difference = grid[2 * number : 2 * number + 2]
        known = ~np.isnan(measured.predicted) & ~np.isnan(measured.true)
        predicted, true = measured.predicted[known], measured.true[known]
        identity.set_title(shorten(name, 34))
        if not len(true):
            note(identity, "undefined in every case")
            note(difference, "undefined in every case")
            continue
        suffix = f", {measured.unit}" * bool(measured.unit)
        _against(identity, predicted, true, suffix)
        _bland_altman(difference, predicted, true, suffix)
    for axes in grid[2 * len(shown) :]:
        axes.remove()
    return figure


def _against(axes: Axes, predicted: Values, true: Values, suffix: str) -> None:
    both = np.concatenate([predicted, true])
    margin = 0.05 * float(np.ptp(both)) or 0.05 * abs(float(both[0])) or 1.0
    ends = (float(both.min()) - margin, float(both.max()) + margin)
    axes.plot(ends, ends, color=MUTED, lw=0.9)
    axes.plot(true, predicted, "o", ms=3.5, alpha=0.6, color=COLORS[0], mew=0)
    axes.set(xlim=ends, ylim=ends, xlabel=f"True{suffix}")
    axes.set_box_aspect(1)
    axes.set_ylabel(f"Predicted{suffix}")
    axes.locator_params(nbins=5)


def _bland_altman(axes: Axes, predicted: Values, true: Values, suffix: str) -> None:
    less = predicted - true
    bias = float(less.mean())
    axes.plot((predicted + true) / 2, less, "o", ms=3.5, alpha=0.6, color=COLORS[0], mew=0)
    axes.axhline(0, color=MUTED, lw=0.8)
    axes.axhline(bias, color=COLORS[1])
    reach = WIDTH * float(less.std(ddof=1)) if len(less) > 1 else 0.0
    low, middle, high = (
        _rounded(each, reach or bias) for each in (bias - reach, bias, bias + reach)
    )
    said = f"bias {middle}"
    if reach:
        axes.axhline(bias - reach, color=COLORS[1], ls="--", lw=1)
        axes.axhline(bias + reach, color=COLORS[1], ls="--", lw=1)
        said = f"{said}, limits {low} to {high}"
    axes.set_title(said, color=MUTED, fontsize=8)
    axes.set_box_aspect(1)
    axes.set(xlabel=f"Mean of both{suffix}", ylabel=f"Predicted less true{suffix}")
    axes.locator_params(nbins=5)


def _rounded(value: float, scale: float) -> str:
    """To the second digit of a scale."""
    decimals = max(0, 1 - math.floor(math.log10(abs(scale)))) if scale else 0
    rounded = round(value, decimals) or 0.0  # no minus before nothing
    return f"{rounded:.{decimals}f}".replace("-", "\N{MINUS SIGN}")
