"""The worst, the median and the best case of a segmenter, with both masks over their images."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import NDArray

from datamodules.anatomical_planes import PERCENTILES, PLANES, turned
from datamodules.batches import inside
from experiments.figures.style import COLORS, MUTED, new_figure, shorten, styled

FILLED = 0.35
"""Opacity of a predicted structure."""
MOST_NAMED = 10
"""Structures in the legend."""
SIDE_INCHES = 2.3


@dataclass(frozen=True, eq=False)
class OverlaidCase:
    """A case with its two masks on one grid, in canonical orientation (RAS+).

    Attributes:
        title: What is said of it.
        image: ``(C, *spatial)``; the first channel is shown, or three as colours.
        predicted: uint8 ``(M, *spatial)`` as in ``MaskBatch``.
        truth: Likewise.
        spacing: Of the grid.
    """

    title: str
    image: NDArray[np.floating[Any]]
    predicted: NDArray[np.uint8]
    truth: NDArray[np.uint8]
    spacing: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Plane:
    """One slice as it is shown: rows downwards, radiological (the patient's right at the left)."""

    name: str
    image: NDArray[np.floating[Any]]
    predicted: list[NDArray[np.bool_]]
    truth: list[NDArray[np.bool_]]
    aspect: float


@styled
def mask_overlays(cases: Sequence[OverlaidCase], structures: Sequence[str]) -> Figure:
    """A row a case: in three planes of volumes, in the one plane of images.

    Args:
        cases: Such as the worst, the median and the best.
        structures: Their names, in the order of the masks.
    """
    rows = [list(planes_of(case, len(structures))) for case in cases]
    columns = max(len(planes) for planes in rows)
    width = max(5.2, columns * SIDE_INCHES + 0.4)
    figure = new_figure(width, len(rows) * (SIDE_INCHES + 0.45) + 1.1, "Masks over their images")
    grid = figure.subplots(len(rows), columns, squeeze=False)
    for case, planes, axes in zip(cases, rows, grid, strict=True):
        for plane, own in zip(planes, axes, strict=True):
            _show(own, plane)
        axes[0].set_title(shorten(case.title, 52), fontsize=8)
    named = structures[:MOST_NAMED]
    handles: list[Patch | Line2D] = [
        Patch(facecolor=_color(number), alpha=0.8, label=shorten(name))
        for number, name in enumerate(named)
    ]
    if any(truth.any() for planes in rows for plane in planes for truth in plane.truth):
        handles.append(Patch(facecolor=MUTED, alpha=FILLED, label="filled: predicted"))
        handles.append(Line2D([], [], color=MUTED, linewidth=1.0, label="line: truth"))
    figure.legend(handles=handles, loc="outside lower left", ncols=min(4, len(handles)))
    return figure


def planes_of(case: OverlaidCase, structures: int) -> Iterator[Plane]:
    """The slices of a case that are shown: those with most of its structures, else the middle."""
    predicted = [inside(case.predicted, number) for number in range(structures)]
    truth = [inside(case.truth, number) for number in range(structures)]
    if case.image.ndim == 3:
        colours = case.image[:3] if len(case.image) == 3 else case.image[:1]
        yield Plane("", np.moveaxis(colours, 0, -1), predicted, truth, _ratio(case.spacing))
        return
    anywhere = np.any([*predicted, *truth], axis=0)
    for name, axis in PLANES.items():
        others = tuple(other for other in range(3) if other != axis)
        middle = case.image.shape[axis + 1] // 2
        at = int(np.argmax(anywhere.sum(axis=others))) if anywhere.any() else middle
        across, up = others
        yield Plane(
            f"{name} {at + 1}",
            turned(case.image[0].take(at, axis))[..., None],
            [turned(np.take(mask, at, axis)) for mask in predicted],
            [turned(np.take(mask, at, axis)) for mask in truth],
            case.spacing[up] / case.spacing[across],
        )


def _ratio(spacing: Sequence[float]) -> float:
    return spacing[0] / spacing[1]


def _show(axes: Axes, plane: Plane) -> None:
    low, high = np.percentile(plane.image, PERCENTILES)
    shown = np.clip((plane.image - low) / max(float(high - low), 1e-6), 0, 1)
    shown = np.broadcast_to(shown, (*shown.shape[:2], 3)).astype(np.float32)
    axes.imshow(shown, aspect=plane.aspect, interpolation="nearest")
    for number, (predicted, truth) in enumerate(zip(plane.predicted, plane.truth, strict=True)):
        layer = np.zeros((*predicted.shape, 4), np.float32)
        layer[predicted] = (*_rgb(number), FILLED)
        axes.imshow(layer, aspect=plane.aspect, interpolation="nearest")
        if truth.any() and not truth.all():
            axes.contour(truth, levels=[0.5], colors=[_color(number)], linewidths=1.0)
    axes.set(xticks=[], yticks=[])
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set_visible(False)
    if plane.name:
        axes.set_xlabel(plane.name, color=MUTED, fontsize=7)


def _color(number: int) -> str:
    return COLORS[number % len(COLORS)]


def _rgb(number: int) -> tuple[float, float, float]:
    color = _color(number)
    red, green, blue = (int(color[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return red, green, blue


def worst_median_best(dice: Mapping[str, float]) -> list[tuple[str, str]]:
    """What they are called, and their ids, of cases by their Dice; fewer of fewer cases."""
    ordered = sorted(dice, key=lambda case_id: (dice[case_id], case_id))
    if len(ordered) < 3:
        return [("case", case_id) for case_id in ordered]
    middle = ordered[len(ordered) // 2]
    return [("worst", ordered[0]), ("median", middle), ("best", ordered[-1])]
