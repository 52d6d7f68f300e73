"""How far landmarks are from where they were marked: of each, of all, and by their confidence."""

import re
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from experiments.figures.style import COLORS, INK, MUTED, new_figure, note, shorten, styled

Values = NDArray[np.float64]

NEAR = (2.0, 4.0)
"""Distances that papers ask for, drawn as lines."""
TICKS = (
    *(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5),
    *(1, *NEAR, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000),
)
MOST_ROWS = 40
"""With more landmarks, those of one name with a number at its end share a row."""
MOST_DOTS = 6000
"""Points drawn in one panel."""
JITTER = 0.26
NUMBERED = re.compile(r"[_ -]?\d+$")


@styled
def point_errors(errors: Mapping[str, Values], unit: str) -> Figure:
    """A dot a case, with the median and the middle half, for each landmark.

    Args:
        errors: By landmark, of each case; NaN where it is not marked.
        unit: Of the errors.
    """
    rows = _rows(errors)
    part = f", the {len(rows)} farthest" * (sum(map(len, rows.values())) < _count(errors))
    title = f"Distance of each {'landmark' if rows.keys() <= errors.keys() else 'group'}{part}"
    figure = new_figure(6.8, 1.4 + 0.25 * max(2, len(rows)), title)
    axes = figure.subplots()
    known = np.concatenate([each[~np.isnan(each)] for each in rows.values()] or [np.empty(0)])
    if not len(known):
        note(axes, "no point is marked")
        return figure
    low, high = _limits(known)
    for place, values in enumerate(rows.values()):
        _draw_row(axes, place, np.clip(values[~np.isnan(values)], low, high))
    _lines_at_near(axes)
    _log_distance(axes, low, high)
    axes.set_xlabel(f"Distance from the marked point, {unit} (diamond: median; bar: middle half)")
    axes.set_yticks(range(len(rows)), [shorten(name, 34) for name in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)
    return figure


def _rows(errors: Mapping[str, Values]) -> dict[str, Values]:
    """A row a landmark; of many a row a name without its number, the farthest where still many."""
    rows = dict(errors)
    if len(rows) > MOST_ROWS:
        grouped: dict[str, list[Values]] = {}
        for name, values in errors.items():
            grouped.setdefault(NUMBERED.sub("", name) or name, []).append(values)
        rows = {name: np.concatenate(parts) for name, parts in grouped.items()}
    if len(rows) > MOST_ROWS:
        ranked = sorted(rows, key=lambda name: -_median(rows[name]))[:MOST_ROWS]
        rows = {name: rows[name] for name in rows if name in ranked}
    return rows


def _count(errors: Mapping[str, Values]) -> int:
    return sum(map(len, errors.values()))


def _median(values: Values) -> float:
    known = values[~np.isnan(values)]
    return float(np.median(known)) if len(known) else 0.0


def _draw_row(axes: Axes, place: int, values: Values) -> None:
    if not len(values):
        return
    shown = np.sort(values)[:: max(1, len(values) // (MOST_DOTS // 20))]
    spread = JITTER * np.sin(np.arange(len(shown)) * 2.399963)  # evenly, and always the same
    axes.plot(shown, place + spread, "o", ms=2.6, alpha=0.45, color=COLORS[0], mew=0)
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
    axes.plot([low, high], [place, place], color=INK, lw=2.6, solid_capstyle="butt", alpha=0.8)
    axes.plot(middle, place, "D", color="white", mec=INK, ms=4.2)


@styled
def point_curve(
    errors: Values, others: Mapping[str, Values], unit: str, name: str = "network"
) -> Figure:
    """Share of points that are within so much, of the network and of what it is compared with.

    Args:
        errors: Of the network, any shape; NaN where a point is not marked.
        others: The same of the mean shape and of other readers, by what they are called.
        unit: Of the errors.
        name: What the network is called.
    """
    figure = new_figure(5.6, 4.2, "Share of points within so much")
    axes = figure.subplots()
    every = {name: errors, **others}
    curves = {label: np.sort(each[~np.isnan(each)]) for label, each in every.items()}
    if not len(curves[name]):
        note(axes, "no point is marked")
        return figure
    end = max(1.25 * NEAR[-1], 1.25 * float(np.quantile(curves[name], 0.95)))
    for number, (label, values) in enumerate(curves.items()):
        if len(values):
            shares = np.arange(1, len(values) + 1) / len(values)
            style = {"lw": 2.0, "zorder": 3} if label == name else {"ls": "--", "lw": 1.4}
            color = COLORS[number % len(COLORS)]
            x, y = np.r_[0, values, max(end, values[-1])], np.r_[0, shares, 1]
            axes.step(x, y, where="post", color=color, label=shorten(label), **style)
    for near in NEAR:
        share = float((curves[name] <= near).mean())
        axes.plot(near, share, "o", color=COLORS[0], ms=4.5, zorder=4)
        axes.annotate(
            f"{100 * share:.0f} %", (near, share), (5, -11), textcoords="offset points", fontsize=8
        )
    _lines_at_near(axes)
    axes.set(xlim=(0, end), ylim=(0, 1.02))
    axes.set_xlabel(f"Distance from the marked point, {unit}")
    axes.set_ylabel("Share of points")
    axes.legend(loc="lower right")
    return figure


@styled
def confidence_errors(confidence: Values, errors: Values, unit: str) -> Figure:
    """Every point by its confidence and its distance, with the running median.

    Args:
        confidence: In 0..1, any shape.
        errors: Of the same shape; NaN where a point is not marked.
        unit: Of the errors.
    """
    figure = new_figure(5.6, 4.2, "Confidence and distance of points")
    axes = figure.subplots()
    known = ~np.isnan(errors) & ~np.isnan(confidence)
    order = np.argsort(confidence[known], kind="stable")
    sure, far = confidence[known][order], errors[known][order]
    if not len(sure):
        note(axes, "no point is marked")
        return figure
    low, high = _limits(far)
    step = max(1, len(sure) // MOST_DOTS)
    shown = np.clip(far, low, high)
    axes.plot(sure[::step], shown[::step], "o", ms=2.6, alpha=0.35, color=COLORS[0], mew=0)
    middle, medians = _running_median(sure, shown)
    axes.plot(middle, medians, color=COLORS[1], lw=2, label="running median")
    _log_distance(axes, low, high, vertical=True)
    axes.set_xlabel("Confidence")
    axes.set_ylabel(f"Distance from the marked point, {unit}")
    axes.legend(loc="best")
    return figure


def _running_median(x: Values, y: Values) -> tuple[Values, Values]:
    """Over windows of a tenth of the points (at least 9), of points sorted by ``x``."""
    width = min(len(x), max(9, len(x) // 10))
    starts = np.unique(np.linspace(0, len(x) - width, 60).astype(int))
    windows = [slice(start, start + width) for start in starts]
    return (
        np.array([np.median(x[window]) for window in windows]),
        np.array([np.median(y[window]) for window in windows]),
    )


def _limits(known: Values) -> tuple[float, float]:
    """Of a logarithmic axis: what is nearer than its lower end is drawn there."""
    low = max(float(np.quantile(known, 0.02)) / 2, float(known.max()) / 1e4, 1e-3)
    return min(low, 0.8), max(1.2 * float(known.max()), 1.5 * NEAR[-1])


def _log_distance(axes: Axes, low: float, high: float, *, vertical: bool = False) -> None:
    """A logarithmic axis with plain numbers."""
    ticks = [tick for tick in TICKS if low <= tick <= high]
    if vertical:
        axes.set_yscale("log")
        axes.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.set_yticks([], minor=True)
        axes.set_ylim(low * 0.9, high)
        return
    axes.set_xscale("log")
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.set_xticks([], minor=True)
    axes.set_xlim(low * 0.9, high)


def _lines_at_near(axes: Axes, near: Sequence[float] = NEAR) -> None:
    for value in near:
        axes.axvline(value, color=MUTED, lw=0.9, ls=(0, (2.5, 1.5)), zorder=1.5)
