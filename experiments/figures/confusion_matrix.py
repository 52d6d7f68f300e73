"""Confusion matrices: what the model decided against what is true."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from datamodules.data_info import LabelSet
from experiments.figures.style import INK, SHADES, name_axes, new_figure, panels, shorten, styled
from lightning_modules.metrics.confusion import ConfusionMatrix, confusion_matrices
from lightning_modules.metrics.rows import ClassificationRow, ScoreTable


@styled
def confusion_matrix(
    rows: Sequence[ClassificationRow],
    labels: LabelSet,
    thresholds: Mapping[str, float] | None = None,
) -> Figure:
    """Decisions against the truth, shaded by the share of each row.

    A single label has two matrices side by side, at 0.5 and at its operating point; several labels
    have one each, at the operating point where there is one; classes that exclude one another have
    one in all, decided for the likeliest.

    Args:
        rows: One row a case.
        labels: What the scores are of.
        thresholds: Operating points; None, or empty: none.
    """
    table = ScoreTable.from_rows(rows, labels)
    matrices = confusion_matrices(table, labels, thresholds)
    if labels.binary and thresholds:
        matrices = confusion_matrices(table, labels, None) + matrices
    title = "Confusion matrix: decisions against the truth"
    if labels.exclusive:
        side = 2.6 + 0.42 * len(labels.names)
        figure = new_figure(side + 0.4, side, title)
        grid = [figure.subplots()]
    else:
        figure, grid = panels(len(matrices), title)
    for axes, matrix in zip(grid, matrices, strict=True):
        _draw(axes, matrix, small=not labels.exclusive and not labels.binary)
    if labels.binary and thresholds:
        grid[1].set_title(f"operating point: {grid[1].get_title(loc='left')}")
    name_axes(figure, "Decision of the model", "Truth (100 % in each row)")
    return figure


def _draw(axes: Axes, matrix: ConfusionMatrix, small: bool) -> None:
    counts = np.array(matrix.counts)
    shares = counts / np.maximum(1, counts.sum(axis=1, keepdims=True))
    axes.imshow(shares, cmap=SHADES, vmin=0, vmax=1.25)
    size = 7 if small or len(counts) > 8 else 9
    for (row, column), count in np.ndenumerate(counts):
        text = f"{count:,}"
        if len(counts) <= 8 and counts[row].any():
            text += f"\n{shares[row, column]:.0%}"
        color = "white" if shares[row, column] > 0.65 else INK
        axes.text(column, row, text, ha="center", va="center", color=color, fontsize=size)
    _name(axes, matrix, small)


def _name(axes: Axes, matrix: ConfusionMatrix, small: bool) -> None:
    names = ("no", "yes") if small else [shorten(name, 16) for name in matrix.classes]
    rotation = 45 if len(names) > 3 else 0
    places = range(len(names))
    axes.set_xticks(places, names, rotation=rotation, ha="right" if rotation else "center")
    axes.set_yticks(places, names)
    axes.grid(visible=False)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    cases = f"{sum(map(sum, matrix.counts)):,} cases"
    rule = "likeliest class" if matrix.threshold is None else f"at {matrix.threshold:.3g}"
    if small:
        axes.set_title(f"{shorten(matrix.label or '')}\n{rule} ({cases})", fontsize=7.5)
    else:
        axes.set_title(f"{rule} ({cases})")
