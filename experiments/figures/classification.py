"""Curves of a classifier, for each label: ROC, precision-recall, calibration."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from datamodules.data_info import LabelSet
from experiments.figures.style import (
    COLORS,
    MUTED,
    name_axes,
    note,
    panels,
    shorten,
    styled,
    unit_square,
)
from lightning_modules.metrics import ranking
from lightning_modules.metrics.calibration import BINS, ece, reliability, top_class
from lightning_modules.metrics.rows import ClassificationRow, ScoreTable
from lightning_modules.metrics.thresholded import (
    Counts,
    confusion_counts,
    ppv,
    sensitivity,
    specificity,
)

Array = npt.NDArray[np.float64]
Rows = Sequence[ClassificationRow]
Thresholds = Mapping[str, float] | None

MOST_CURVES = 5
"""With more labels than this each has a small panel of its own."""

BAR = "#DDDDDD"
CURVE = "observed share, with its 95 % interval"
BARS = "how many cases have such a probability (tallest bar: most)"


@dataclass(frozen=True)
class _Label:
    """The known cases of one label, or of one class against the rest."""

    name: str
    scores: Array
    targets: Array
    threshold: float | None = None

    @property
    def size(self) -> str:
        return f"{int(self.targets.sum()):,} of {len(self.targets):,} cases"

    @property
    def fault(self) -> str | None:
        """Why no curve can be drawn."""
        if not len(self.targets):
            return "not known in any case"
        if not self.targets.any():
            return "no positive case"
        return "no negative case" if self.targets.all() else None

    @property
    def counts(self) -> Counts:
        """Confusion counts at the operating point."""
        called = self.scores >= (0.5 if self.threshold is None else self.threshold)
        return confusion_counts(called, self.targets, np.ones((1, len(called))))


Draw = Callable[[Axes, _Label, str], str]
"""Draws one label in one colour; returns the figure that sums it up, for the legend."""


@styled
def roc(rows: Rows, labels: LabelSet, thresholds: Thresholds = None) -> Figure:
    """ROC curve of every label.

    Args:
        rows: One row a case.
        labels: What the scores are of.
        thresholds: Operating points, to be marked; None, or empty: none.
    """

    def draw(axes: Axes, label: _Label, color: str) -> str:
        false, found, _ = ranking.roc_curve(label.scores, label.targets)
        _diagonal(axes)
        axes.plot(false, found, color=color)
        if label.threshold is not None:
            spared, at_point = specificity(label.counts)[0], sensitivity(label.counts)[0]
            _mark(axes, 1 - spared, at_point, color)
        return f"AUROC {ranking.auroc(label.scores, label.targets)[0]:.3f}"

    title = "ROC: cases found against false alarms"
    figure = _curves(_labels(rows, labels, thresholds), title, draw)
    name_axes(
        figure,
        "1 \N{MINUS SIGN} specificity: share of negative cases called positive",
        "Sensitivity: share of positive cases called positive",
    )
    return figure


@styled
def precision_recall(rows: Rows, labels: LabelSet, thresholds: Thresholds = None) -> Figure:
    """Precision-recall curve of every label; the dotted line is chance, its share of the cases.

    Arguments are those of :func:`roc`.
    """

    def draw(axes: Axes, label: _Label, color: str) -> str:
        precision, recall, _ = ranking.precision_recall_curve(label.scores, label.targets)
        start = np.append(0, recall), np.append(precision[:1], precision)
        axes.plot(*start, color=color, drawstyle="steps-pre")
        axes.axhline(float(label.targets.mean()), color=color, linewidth=1, linestyle=":")
        if label.threshold is not None:
            _mark(axes, sensitivity(label.counts)[0], ppv(label.counts)[0], color)
        return f"AP {ranking.average_precision(label.scores, label.targets)[0]:.3f}"

    title = "Precision and recall: are positive calls right?"
    figure = _curves(_labels(rows, labels, thresholds), title, draw)
    name_axes(
        figure,
        "Recall (sensitivity): share of positive cases called positive",
        "Precision (PPV): share of positive calls that are right",
    )
    return figure


@styled
def calibration(rows: Rows, labels: LabelSet) -> Figure:
    """Reliability curve of every label, or of the likeliest class, over the spread of the scores.

    Bars at the foot: how many cases have such a probability, the tallest bar being the most.
    Whiskers: 95 % Wilson interval of the observed share.

    Args:
        rows: One row a case.
        labels: What the scores are of.
    """
    shown = _labels(rows, labels, None)
    if labels.exclusive:
        table = ScoreTable.from_rows(rows, labels)
        confidence, right = top_class(table.scores, table.targets) if rows else (np.empty(0),) * 2
        known = ~np.isnan(right)
        shown = [_Label("likeliest class", confidence[known], right[known])]
    figure, grid = panels(len(shown), "Calibration: predicted against observed share")
    for axes, label in zip(grid, shown, strict=True):
        unit_square(axes)
        _diagonal(axes)
        if len(label.scores):
            _reliability(axes, label, small=len(shown) > 1)
        else:
            note(axes, "not known in any case")
    name_axes(
        figure,
        "Probability of the likeliest class" if labels.exclusive else "Predicted probability",
        "Share that is right" if labels.exclusive else "Share of positive cases",
    )
    curve = Line2D([], [], color=COLORS[0], marker="o", markersize=4, label=CURVE)
    figure.legend(
        handles=[curve, Patch(color=BAR, label=BARS)],
        loc="outside upper right" if len(shown) > MOST_CURVES else "outside lower left",
    )
    return figure


def _reliability(axes: Axes, label: _Label, small: bool) -> None:
    counts, edges = np.histogram(label.scores, BINS, (0, 1))
    axes.bar(edges[:-1], counts / counts.max() * 0.2, 1 / BINS, align="edge", color=BAR)
    points = reliability(label.scores, label.targets)
    low, high = _wilson(points.observed, points.cases)
    whiskers = np.maximum(0, (points.observed - low, high - points.observed))
    axes.errorbar(
        points.probability,
        points.observed,
        whiskers,
        color=COLORS[0],
        marker="o",
        markersize=3.5,
        linewidth=1.2,
        elinewidth=0.8,
    )
    error = ece(label.scores, label.targets, np.ones((1, len(label.scores))))[0]
    text = f"{shorten(label.name)}\nECE {error:.3f}, {len(label.scores):,} cases"
    axes.set_title(text, fontsize=7.5 if small else 9)


def _wilson(share: Array, cases: npt.NDArray[np.int64]) -> tuple[Array, Array]:
    """95 % interval of a share (Wilson, JASA 1927)."""
    z = 1.96
    centre = (share + z**2 / (2 * cases)) / (1 + z**2 / cases)
    half = z * np.sqrt(share * (1 - share) / cases + z**2 / (4 * cases**2)) / (1 + z**2 / cases)
    return centre - half, centre + half


def _labels(rows: Rows, labels: LabelSet, thresholds: Thresholds) -> list[_Label]:
    table = ScoreTable.from_rows(rows, labels)
    found = []
    for index, name in enumerate(labels.names):
        known = ~np.isnan(table.targets[:, index])
        scores, targets = table.scores[known, index], table.targets[known, index]
        found.append(_Label(name, scores, targets, thresholds[name] if thresholds else None))
    return found


def _curves(labels: Sequence[_Label], title: str, draw: Draw) -> Figure:
    """One panel with a legend, or with many labels a small panel for each."""
    if len(labels) > MOST_CURVES:
        return _small_curves(labels, title, draw)
    figure, (axes,) = panels(1, title)
    unit_square(axes)
    lines = []
    for label, color in zip(labels, COLORS, strict=False):
        text = f"{label.name}: {label.fault or draw(axes, label, color)} ({label.size})"
        lines.append(Line2D([], [], color=color, label=text))
    if len(labels) == 1 and labels[0].fault:
        note(axes, labels[0].fault)
    figure.legend(handles=[*lines, *_point_entry(labels)], loc="outside lower left")
    return figure


def _small_curves(labels: Sequence[_Label], title: str, draw: Draw) -> Figure:
    figure, grid = panels(len(labels), title)
    for axes, label in zip(grid, labels, strict=True):
        unit_square(axes)
        if label.fault:
            note(axes, label.fault)
        summary = "" if label.fault else draw(axes, label, COLORS[0]) + "\n"
        axes.set_title(f"{shorten(label.name)}\n{summary}{label.size}", fontsize=7.5)
    if entry := _point_entry(labels):
        figure.legend(handles=entry, loc="outside upper right")
    return figure


def _mark(axes: Axes, x: float, y: float, color: str) -> None:
    axes.plot(
        x, y, "o", markersize=7, color=color, markeredgecolor="white", zorder=4, clip_on=False
    )


def _point_entry(labels: Sequence[_Label]) -> list[Line2D]:
    """Entry of the legend for operating points; with a single label, what they are."""
    if all(label.threshold is None or label.fault for label in labels):
        return []
    text = "operating point, chosen on validation"
    if len(labels) == 1 and labels[0].threshold is not None:
        text += f": probability \N{GREATER-THAN OR EQUAL TO} {labels[0].threshold:.3g}"
    color = COLORS[0] if len(labels) == 1 or len(labels) > MOST_CURVES else MUTED
    return [Line2D([], [], linestyle="", marker="o", markersize=6, color=color, label=text)]


def _diagonal(axes: Axes) -> None:
    axes.plot((0, 1), (0, 1), color=MUTED, linewidth=1, linestyle=(0, (4, 3)), zorder=1)
