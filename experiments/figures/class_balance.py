"""How often each label occurs in each split."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from experiments.figures.style import COLORS, new_figure, shorten, styled


@styled
def class_balance(positives: Mapping[str, Mapping[str, int]], cases: Mapping[str, int]) -> Figure:
    """Bars of the share of cases in which each label holds, by split, with the number of cases.

    Args:
        positives: By split and label, the number of cases in which it holds.
        cases: By split, the number of cases.
    """
    names = list(dict.fromkeys(label for counts in positives.values() for label in counts))
    thickness = 0.8 / max(1, len(positives))
    height = 1.5 + max(1, len(names)) * (0.15 + 0.17 * len(positives))
    figure = new_figure(6.4, height, "Class balance: how often each label occurs")
    axes = figure.subplots()
    for index, (split, counts) in enumerate(positives.items()):
        places = np.arange(len(names)) + (index - (len(positives) - 1) / 2) * thickness
        numbers = [counts.get(name, 0) for name in names]
        shares = [100 * number / max(1, cases[split]) for number in numbers]
        text = f"{split} (n = {cases[split]:,})"
        bars = axes.barh(places, shares, thickness * 0.92, color=COLORS[index], label=text)
        axes.bar_label(bars, [f"{number:,}" for number in numbers], padding=3, fontsize=7)
    axes.set_yticks(range(len(names)), [shorten(name) for name in names])
    axes.set_xlabel("Share of the split's cases, % (bars: number of cases)")
    axes.margins(x=0.1, y=0.15 / max(1, len(names)))
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)
    figure.legend(handles=axes.containers, loc="outside lower left", ncols=3)
    return figure
