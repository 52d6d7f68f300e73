"""Curves of a detector, for each class: precision and recall, and FROC with its interval."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

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
from lightning_modules.metrics.average_precision import average_precision, precision_recall
from lightning_modules.metrics.detection import DetectionMetrics
from lightning_modules.metrics.detection_rows import DetectionRow
from lightning_modules.metrics.froc import RATES, froc
from lightning_modules.metrics.intervals import bootstrap_weights
from lightning_modules.metrics.ranked_boxes import RankedBoxes

MOST_CURVES = 5
"""With more classes than this each has a small panel of its own."""
GRID = np.geomspace(RATES[0], RATES[-1], 49)
"""False positives an image at which FROC curves are drawn."""
SAMPLES = 300
"""Bootstrap samples of a band."""


@styled
def box_precision_recall(
    rows: Sequence[DetectionRow], metrics: DetectionMetrics, scores: Mapping[str, float]
) -> Figure:
    """Precision-recall curve of every class, with its operating point.

    Args:
        rows: One row a case.
        metrics: Of the classes.
        scores: From which a box is called, by class; empty: none.
    """
    ranked = {name: boxes for name, (boxes, _) in metrics.ranked(rows).items()}
    title = f"Precision and recall of boxes, IoU of {metrics.usual_iou:g} or more"
    figure, grid = panels(_panel_count(ranked), title)
    lines = []
    for number, (name, boxes) in enumerate(ranked.items()):
        axes, color = _place(grid, number, ranked)
        text = _draw_precision(axes, boxes, scores.get(name), color)
        lines.append(_entry(axes, name, text, color, small=len(ranked) > MOST_CURVES))
    for axes in grid:
        unit_square(axes)
    name_axes(figure, "Recall: share of objects found", "Precision: share of boxes that are right")
    point = Line2D(
        *((), ()),
        linestyle="",
        marker="o",
        color=MUTED,
        label="operating point, chosen on validation",
    )
    _legend(figure, [line for line in lines if line] + [point] * bool(scores), len(ranked))
    return figure


@styled
def froc_curves(rows: Sequence[DetectionRow], metrics: DetectionMetrics) -> Figure:
    """FROC curve of every class; the band is its 95 % interval over patients.

    Args:
        rows: One row a case.
        metrics: Of the classes, with the hit rule.
    """
    ranked = {name: hits for name, (_, hits) in metrics.ranked(rows).items()}
    figure, grid = panels(_panel_count(ranked), "FROC: objects found against false positives")
    patients = [row["patient_id"] for row in sorted(rows, key=lambda row: row["case_id"])]
    lines = []
    for number, (name, boxes) in enumerate(ranked.items()):
        axes, color = _place(grid, number, ranked)
        text = _draw_froc(axes, boxes, patients, color)
        lines.append(_entry(axes, name, text, color, small=len(ranked) > MOST_CURVES))
    for axes in grid:
        axes.set(xscale="log", ylim=(-0.02, 1.02))
        axes.set_xticks(RATES, ("1/8", "1/4", "1/2", "1", "2", "4", "8"))
        axes.minorticks_off()
    name_axes(figure, "False positives an image", "Sensitivity: share of objects found")
    _legend(figure, [line for line in lines if line], len(ranked))
    return figure


def _draw_precision(axes: Axes, boxes: RankedBoxes, score: float | None, color: str) -> str:
    if not boxes.objects.any():
        return "no object"
    precision, recall, found = precision_recall(boxes)
    if not len(found):
        return "no box found"
    start = np.append(0, recall), np.append(precision[:1], precision)
    axes.plot(*start, color=color, drawstyle="steps-pre")
    if score is not None and (called := int((found >= score).sum())):
        at = recall[called - 1], precision[called - 1]
        axes.plot(*at, "o", ms=7, color=color, mec="white", zorder=4, clip_on=False)
    area = average_precision(boxes, np.ones((1, len(boxes.objects))))[0]
    return f"AP {area:.3f} ({int(boxes.objects.sum()):,} objects)"


def _draw_froc(axes: Axes, boxes: RankedBoxes, patients: Sequence[str], color: str) -> str:
    if not boxes.objects.any():
        return "no object"
    everything = np.ones((1, len(patients)))
    rates = tuple(GRID.tolist())
    axes.plot(GRID, froc(boxes, everything, rates)[0], color=color)
    if len(set(patients)) > 1:
        drawn = [froc(boxes, each, rates) for each in bootstrap_weights(patients, SAMPLES, seed=0)]
        low, high = np.nanquantile(np.concatenate(drawn), [0.025, 0.975], axis=0)
        axes.fill_between(GRID, low, high, color=color, alpha=0.15, linewidth=0)
    cpm = froc(boxes, everything).mean()
    return f"CPM {cpm:.3f} ({int(boxes.objects.sum()):,} objects)"


def _panel_count(ranked: Mapping[str, RankedBoxes]) -> int:
    return len(ranked) if len(ranked) > MOST_CURVES else 1


def _place(
    grid: Sequence[Axes], number: int, ranked: Mapping[str, RankedBoxes]
) -> tuple[Axes, str]:
    if len(ranked) > MOST_CURVES:
        return grid[number], COLORS[0]
    return grid[0], COLORS[number]


def _entry(axes: Axes, name: str, text: str, color: str, *, small: bool) -> Line2D | None:
    """The entry of the legend; with small panels, none but a title."""
    if small:
        axes.set_title(f"{shorten(name)}\n{text}", fontsize=7.5)
        if text == "no object":
            note(axes, text)
        return None
    return Line2D([], [], color=color, label=f"{shorten(name)}: {text}")


def _legend(figure: Figure, handles: Sequence[Line2D], classes: int) -> None:
    if not handles:
        return
    if classes > MOST_CURVES:
        figure.legend(handles=list(handles), loc="outside upper right")
    else:
        figure.legend(handles=list(handles), loc="outside lower left")
