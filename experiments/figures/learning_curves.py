"""Learning curves from the rows of metrics.jsonl."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from experiments.figures.style import COLORS, FAINT, MUTED, new_figure, note, styled
from lightning_modules.metrics.directions import lower_is_better

Array = npt.NDArray[np.float64]
Row = Mapping[str, Any]

READABLE = {
    "auroc": "AUROC",
    "brier": "Brier score",
    "ece": "ECE",
    "f1": "F1",
    "log_loss": "log-loss",
}
"""Names that do not read well with their underscores taken out."""


@styled
def learning_curves(rows: Sequence[Row], monitor: str, *, keep_last: bool = False) -> Figure:
    """Training loss, the monitored metric, and the other validation metrics, over epochs.

    Args:
        rows: Rows of metrics.jsonl: ``step``, ``epoch`` (from 0) and ``values`` by name.
        monitor: The metric that chose the best epoch, with or without ``val/``.
        keep_last: It chose nothing, as the weights of the last validated epoch were kept.
    """
    monitor = monitor.removeprefix("val/")
    validation = [row for row in rows if any(name.startswith("val/") for name in row["values"])]
    figure = new_figure(9.6, 6.4, "Learning curves")
    (loss, monitored), (scores, errors) = figure.subplots(2, 2, sharex=True)
    _draw_loss(loss, rows, validation)
    _draw_metrics(monitored, validation, [monitor])
    names = _names(validation, monitor)
    errors_of = [name for name in names if lower_is_better(name)]
    scores_of = [name for name in names if name not in errors_of]
    _draw_metrics(scores, validation, scores_of)
    _draw_metrics(errors, validation, errors_of)
    choice = "" if keep_last else ", which chooses the best epoch"
    monitored.set_title(f"Validation: {_text(monitor)}{choice}")
    scores.set_title("Validation: higher is better")
    errors.set_title("Validation: lower is better")
    columns = ((loss, scores, scores_of), (monitored, errors, errors_of))
    for above, below, drawn in columns:
        lowest = below if drawn or not names else above
        lowest.set_xlabel("Epochs completed" if validation else "Optimizer steps")
        lowest.tick_params(labelbottom=True)
        lowest.xaxis.set_major_locator(MaxNLocator(integer=True))
        if lowest is above:
            below.remove()
    _mark_kept(figure.axes, monitored, _points(validation, monitor), monitor, keep_last=keep_last)
    loss.set_xlim(left=0)
    return figure


def smooth(values: Array, window: int) -> Array:
    """Centred running mean; the window shrinks at both ends."""
    sums = np.concatenate([[0.0], np.cumsum(values)])
    places = np.arange(len(values))
    half = np.minimum(window // 2, np.minimum(places, len(values) - 1 - places))
    return np.asarray((sums[places + half + 1] - sums[places - half]) / (2 * half + 1))


def _draw_loss(axes: Axes, rows: Sequence[Row], validation: Sequence[Row]) -> None:
    axes.set_title("Training loss")
    logged = [row for row in rows if "train/loss" in row["values"]]
    if not logged:
        note(axes, "no training loss was logged")
        return
    values = np.array([row["values"]["train/loss"] for row in logged], dtype=np.float64)
    epochs = _epochs(np.array([row["step"] for row in logged], dtype=np.float64), validation)
    alone = "o" if len(values) == 1 else None  # a line of one point is not seen
    axes.plot(epochs, values, color=FAINT, linewidth=0.8, marker=alone, label="each logged step")
    window = 2 * (len(values) // 40) + 3
    axes.plot(epochs, smooth(values, window), color=COLORS[0], label=f"mean of {window} of them")
    if np.isfinite(values).any():
        top = np.nanquantile(values[np.isfinite(values)], 0.99) * 1.15
        axes.set_ylim(min(0.0, float(np.nanmin(values))), top or 1.0)
    axes.legend(loc="upper right")


def _epochs(steps: Array, validation: Sequence[Row]) -> Array:
    """Optimizer steps as epochs completed, by the validations; without one, the steps."""
    if not validation:
        return steps
    known = [0.0, *(float(row["step"]) for row in validation)]
    epochs = [0.0, *(row["epoch"] + 1.0 for row in validation)]
    rate = epochs[-1] / max(1.0, known[-1])
    beyond = np.maximum(0.0, steps - known[-1]) * rate
    return np.asarray(np.interp(steps, known, epochs) + beyond)


def _names(validation: Sequence[Row], monitor: str) -> list[str]:
    """Other validation metrics, of all labels together."""
    names = dict.fromkeys(name for row in validation for name in row["values"])
    plain = [name.removeprefix("val/") for name in names if name.startswith("val/")]
    return [name for name in plain if "/" not in name and name != monitor]


def _draw_metrics(axes: Axes, validation: Sequence[Row], names: Sequence[str]) -> None:
    drawn = 0
    for name, color in zip(names, COLORS, strict=False):  # of more lines than colours, the first
        points = _points(validation, name)
        if len(points):
            drawn += 1
            axes.plot(*points.T, color=color, marker="o", markersize=3, label=_text(name))
    if not drawn:
        note(axes, "nothing was logged")
    elif len(names) > 1:
        axes.legend(ncols=2)


def _points(validation: Sequence[Row], name: str) -> Array:
    key = f"val/{name}"
    found = [(row["epoch"] + 1, row["values"][key]) for row in validation if key in row["values"]]
    return np.array(found, dtype=np.float64).reshape(-1, 2)


def _mark_kept(
    every: Sequence[Axes], monitored: Axes, points: Array, monitor: str, *, keep_last: bool
) -> None:
    points = points[np.isfinite(points).all(axis=1)]
    if not len(points):
        return
    best = points[:, 1].argmin() if lower_is_better(monitor) else points[:, 1].argmax()
    epoch, value = points[-1 if keep_last else best]
    for axes in every:
        axes.axvline(epoch, color=MUTED, linewidth=1, linestyle=(0, (4, 3)), zorder=1)
    text = f"{'last' if keep_last else 'best'}: {value:.4g}, after epoch {epoch:.0f}"
    (point,) = monitored.plot(epoch, value, "o", markersize=8, color=COLORS[1], label=text)
    point.set(markeredgecolor="white", zorder=4, clip_on=False)
    monitored.legend(handles=[point])


def _text(name: str) -> str:
    """A metric's name for a reader."""
    return READABLE.get(name, name.replace("_", " "))
