"""Landmarks over their images: where they are marked, and where they were found."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from datamodules.anatomical_planes import PLANES, turned
from experiments.figures.shown_image import show_image
from experiments.figures.style import COLORS, MUTED, new_figure, shorten, styled

Points = NDArray[np.floating[Any]]

TRUE, FOUND = COLORS[5], COLORS[4]
LABELLED = 3
"""Points of a case that are named: those that are farthest off."""
COLUMNS = 4
SIDE_INCHES = 2.6
MARGIN = 0.1
"""Around the points, as a share of the longest side of the image."""
CROWDED = 0.04
"""Of the width: numbers of points that are nearer to one another stand side by side."""
MANY = 40
"""With more points their marks are smaller."""
FAR_MM = 10.0
"""Of a slice of a volume: points farther from it are faint."""


@dataclass(frozen=True, eq=False)
class PointedImage:
    """An image or a volume in canonical orientation (RAS+), and points in its voxels.

    Attributes:
        title: What is said of it.
        image: ``(C, *spatial)``; the first channel is shown, or three as colours.
        spacing: Of the grid.
        found: ``(K, axes)``, in continuous coordinates: voxel i covers ``[i, i + 1)``.
        truth: ``(K, axes)``, NaN: not marked; None: nothing is known.
        errors: Distance of each in mm (pixels without a spacing), ``(K,)``; NaN: not marked.
    """

    title: str
    image: NDArray[np.floating[Any]]
    spacing: tuple[float, ...]
    found: Points
    truth: Points | None = None
    errors: NDArray[np.floating[Any]] | None = None


@dataclass(frozen=True, eq=False)
class PointedPlane:
    """One slice as it is shown; points are ``(K, 2)``, across and down in its pixels."""

    name: str
    image: NDArray[np.floating[Any]]
    aspect: float
    found: Points
    truth: Points
    near: NDArray[np.bool_]


@styled
def point_overlays(
    cases: Sequence[PointedImage], names: Sequence[str], unit: str, title: str
) -> Figure:
    """A panel an image, four in a row; of volumes a row of three planes through the worst point.

    Args:
        cases: What is shown.
        names: Of the landmarks.
        unit: Of errors.
        title: Of the sheet.
    """
    planes = [(case, plane) for case in cases for plane in planes_of(case)]
    volumes = bool(cases) and cases[0].image.ndim == 4
    columns = len(PLANES) if volumes else min(COLUMNS, max(1, len(planes)))
    rows = max(1, -(-len(planes) // columns))
    side = SIDE_INCHES if len(planes) > 1 else 2 * SIDE_INCHES
    height = rows * (side + (0.35 if volumes else 0.7)) + 1.0
    figure = new_figure(max(5.2, columns * side + 0.4), height, title)
    grid = figure.subplots(rows, columns, squeeze=False).flatten()
    for number, (axes, (case, plane)) in enumerate(zip(grid, planes, strict=False)):
        _show(axes, case, plane)
        worst = _worst_named(case, names, unit)
        if not volumes:
            axes.set_title(shorten(case.title, 44), fontsize=7.5)
            axes.set_xlabel("\n".join(worst), color=MUTED, fontsize=7, loc="left")
        elif number % columns == 0:
            said = [shorten(case.title, 60), ", ".join(worst)]
            axes.set_title("\n".join(filter(None, said)), fontsize=7.5)
    for axes in grid[len(planes) :]:
        axes.remove()
    figure.legend(handles=_handles(cases), loc="outside lower left", ncols=3)
    return figure


def planes_of(case: PointedImage) -> Iterator[PointedPlane]:
    """The slices that are shown: the one of an image, the three of a volume."""
    truth = np.full_like(case.found, np.nan) if case.truth is None else case.truth
    if case.image.ndim == 3:
        colours = case.image[:3] if len(case.image) == 3 else case.image[:1]
        near = np.ones(len(truth), np.bool_)
        aspect = case.spacing[0] / case.spacing[1]
        image = np.moveaxis(colours, 0, -1)
        yield PointedPlane("", image, aspect, case.found[:, ::-1], truth[:, ::-1], near)
        return
    about = _about(case, truth)
    for name, axis in PLANES.items():
        at = int(np.clip(about[axis], 0, case.image.shape[axis + 1] - 1))
        across, up = (other for other in range(3) if other != axis)
        sides = np.array([case.image.shape[across + 1], case.image.shape[up + 1]])
        place = np.where(np.isnan(truth[:, axis]), case.found[:, axis], truth[:, axis])
        yield PointedPlane(
            f"{name} {at + 1}",
            turned(case.image[0].take(at, axis))[..., None],
            case.spacing[up] / case.spacing[across],
            sides - case.found[:, [across, up]],
            sides - truth[:, [across, up]],
            np.abs(place - at - 0.5) * case.spacing[axis] <= FAR_MM,
        )


def _about(case: PointedImage, truth: Points) -> Points:
    """Where the worst point is marked; without an error the middle of what was found."""
    worst = _worst(case)
    return truth[worst[0]] if worst else np.median(case.found, axis=0)


def _worst(case: PointedImage) -> list[int]:
    """Numbers of the points that are farthest off, the farthest first."""
    if case.errors is None:
        return []
    known = np.flatnonzero(~np.isnan(case.errors))
    order: list[int] = known[np.argsort(-case.errors[known], kind="stable")].tolist()
    return order[:LABELLED]


def _worst_named(case: PointedImage, names: Sequence[str], unit: str) -> list[str]:
    """What the numbers in a panel stand for."""
    errors = np.empty(0) if case.errors is None else case.errors
    return [
        f"{place}: {shorten(names[number], 28)} {errors[number]:.1f} {unit}"
        for place, number in enumerate(_worst(case), start=1)
    ]


def _show(axes: Axes, case: PointedImage, plane: PointedPlane) -> None:
    show_image(axes, plane.image, plane.aspect, plane.name)
    scale = 0.6 if len(plane.found) > MANY else 1.0
    marked = ~np.isnan(plane.truth).any(axis=1)
    pairs = np.stack([plane.truth, plane.found], axis=1)
    for near, alpha in ((False, 0.4), (True, 1.0)):
        own = plane.near == near
        lines = LineCollection(list(pairs[own & marked]), colors=FOUND, linewidths=1, alpha=alpha)
        axes.add_collection(lines)
        edge = dark_edge(2.0 * scale) if near else []
        axes.plot(
            *plane.truth[own].T, "+", color=TRUE, ms=6 * scale, mew=1.2 * scale, alpha=alpha,
            path_effects=edge,
        )  # fmt: skip
        axes.plot(
            *plane.found[own].T, "o", mec=FOUND, mfc="none", ms=4.5 * scale, mew=1.1 * scale,
            alpha=alpha, path_effects=edge,
        )  # fmt: skip
    worst = _worst(case)
    for place, number in enumerate(worst, start=1):
        apart = np.abs(plane.found[worst[: place - 1]] - plane.found[number]).max(axis=1)
        beside = int((apart < CROWDED * plane.image.shape[1]).sum())
        axes.annotate(
            str(place),
            (float(plane.found[number, 0]), float(plane.found[number, 1])),
            (4 + 6 * beside, 2),
            textcoords="offset points",
            fontsize=7.5,
            color="white",
            path_effects=dark_edge(1.8),
            annotation_clip=True,
        )
    _zoom(axes, plane, np.concatenate([plane.found, plane.truth[marked]]))


def dark_edge(width: float) -> list[patheffects.AbstractPathEffect]:
    """Dark around what is bright, which is seen on white bone too."""
    return [patheffects.withStroke(linewidth=width, foreground="black")]


def _zoom(axes: Axes, plane: PointedPlane, points: Points) -> None:
    """Show the part of the image that has the points, and a margin."""
    height, width = plane.image.shape[:2]
    sides = np.array([width, height])
    inside = np.clip(points, 0, sides)
    margin = MARGIN * max(width, height * plane.aspect) / np.array([1, plane.aspect])
    left, top = np.maximum(inside.min(axis=0) - margin, 0)
    right, bottom = np.minimum(inside.max(axis=0) + margin, sides)
    axes.set(xlim=(left, right), ylim=(bottom, top))


def _handles(cases: Sequence[PointedImage]) -> list[Line2D]:
    handles = [
        Line2D([], [], color=FOUND, marker="o", mfc="none", ls="none", ms=5, label="found"),
    ]
    if any(case.truth is not None for case in cases):
        handles.insert(0, Line2D([], [], color=TRUE, marker="+", ls="none", ms=7, label="marked"))
    return handles
