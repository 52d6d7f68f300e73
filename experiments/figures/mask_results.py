"""How a segmenter does case by case: Dice of each structure, and agreement of sizes."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from experiments.figures.style import COLORS, INK, MUTED, new_figure, note, panels, shorten, styled
from lightning_modules.metrics.mask_units import MaskUnits
from lightning_modules.metrics.volume_agreement import VolumeAgreement

Values = NDArray[np.float64]
JITTER = 0.16


@styled
def dice_distribution(dice: Mapping[str, Values]) -> Figure:
    """A dot a case, with the median and the middle half, for each structure.

    Args:
        dice: By structure, of each case; NaN where it is undefined.
    """
    figure = new_figure(6.4, 1.3 + 0.55 * max(1, len(dice)), "Dice of each case")
    axes = figure.subplots()
    for place, (_, values) in enumerate(dice.items()):
        known = np.sort(values[~np.isnan(values)])
        if not len(known):
            continue
        spread = JITTER * np.sin(np.arange(len(known)) * 2.399963)  # evenly, and always the same
        axes.plot(known, place + spread, "o", ms=3, alpha=0.5, color=COLORS[0], mew=0)
        low, middle, high = np.quantile(known, [0.25, 0.5, 0.75])
        axes.plot([low, high], [place, place], color=INK, lw=3, solid_capstyle="butt", alpha=0.8)
        axes.plot(middle, place, "D", color="white", mec=INK, ms=5)
    axes.set_yticks(
        range(len(dice)),
        [f"{shorten(name)} (n = {(~np.isnan(v)).sum()})" for name, v in dice.items()],
    )
    axes.set_xlabel("Dice (diamond: median; bar: middle half)")
    axes.set_ylim(len(dice) - 0.5, -0.5)
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)
    return figure


@styled
def size_agreement(agreements: Mapping[str, VolumeAgreement | None], units: MaskUnits) -> Figure:
    """Bland-Altman plots: difference of predicted and true sizes against their mean.

    Args:
        agreements: By structure; None where it is in no case.
        units: Of the sizes.
    """
    figure, grid = panels(len(agreements), f"Agreement of {units.extent}s (Bland-Altman)")
    for axes, (name, found) in zip(grid, agreements.items(), strict=True):
        axes.set_title(shorten(name))
        if found is None or found.low is None or found.high is None:
            note(axes, "too few cases")
            continue
        true, predicted = np.array(found.true), np.array(found.predicted)
        mean = (predicted + true) / 2
        axes.plot(mean, predicted - true, "o", ms=3.5, alpha=0.6, color=COLORS[0], mew=0)
        axes.axhline(0, color=MUTED, lw=0.8)
        axes.axhline(found.bias, color=COLORS[1])
        for limit in (found.low, found.high):
            axes.axhline(limit, color=COLORS[1], ls="--", lw=1)
    figure.supxlabel(f"Mean of truth and prediction, {units.size}")
    figure.supylabel(f"Prediction less truth, {units.size}")
    return figure


def column(rows: Sequence[Mapping[str, object]], name: str) -> Values:
    """A column of per-case tables, NaN where it is empty."""
    return np.array([np.nan if row.get(name) in (None, "") else row[name] for row in rows], float)
