"""The landmarks that were found in one file, each with its name or its number."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from datamodules.transforms.volume_geometry import VolumeGeometry
from datamodules.volume import Volume
from experiments.figures.point_overlays import (
    FOUND,
    PointedImage,
    PointedPlane,
    dark_edge,
    planes_of,
)
from experiments.figures.shown_image import show_image
from experiments.figures.style import MUTED, new_figure, shorten, styled

MOST_NAMED = 20
"""With more points, each has its number in their order, and the names stand below."""
LISTED = 4
"""Names in a row below."""
SIDE_INCHES = {1: 7.0, 3: 4.2}
"""Of a panel: of the one of an image, of the three of a volume."""


@styled
def draw_points(
    name: str, image: Volume, points: NDArray[np.floating[Any]], names: Sequence[str]
) -> Figure:
    """All landmarks over an image, or over three planes through the middle of a volume's.

    Args:
        name: Of the case.
        image: In the geometry of the file.
        points: ``(K, axes)`` in its voxels, in continuous coordinates.
        names: Of the landmarks.
    """
    geometry = VolumeGeometry.of(image)  # pictures are drawn along the axes of the patient
    turned = geometry.to_canonical(image.array)
    case = PointedImage("", turned, geometry.spacing, geometry.prepare_points(points))
    planes = list(planes_of(case))
    below = [] if len(names) <= MOST_NAMED else _listed(names)
    side = SIDE_INCHES[len(planes)]
    height, width = planes[0].image.shape[:2]
    share = min(1.5, height * planes[0].aspect / width) if len(planes) == 1 else 1.0
    size = (len(planes) * side + 0.2, side * share + 0.6 + 0.14 * len(below))
    figure = new_figure(*size, shorten(name, 60))
    for axes, plane in zip(figure.subplots(1, len(planes), squeeze=False)[0], planes, strict=True):
        _show(axes, plane, names)
    if below:
        figure.supxlabel("\n".join(below), color=MUTED, fontsize=6.5, x=0.01, ha="left")
    return figure


def _show(axes: Axes, plane: PointedPlane, names: Sequence[str]) -> None:
    show_image(axes, plane.image, plane.aspect, plane.name)
    height, width = plane.image.shape[:2]
    shown = [name if len(names) <= MOST_NAMED else str(at) for at, name in enumerate(names, 1)]
    for text, place, near in zip(shown, plane.found, plane.near, strict=True):
        alpha, edge = (1.0, dark_edge(2.0)) if near else (0.4, [])
        axes.plot(*place, "+", color=FOUND, ms=7, mew=1.2, alpha=alpha, path_effects=edge)
        left = place[0] > width / 2
        if near:
            axes.annotate(
                shorten(text, 28),
                (float(place[0]), float(place[1])),
                (-5 if left else 5, 3),
                textcoords="offset points",
                ha="right" if left else "left",
                fontsize=6.5,
                color="white",
                path_effects=dark_edge(1.6),
                annotation_clip=True,
            )
    axes.set(xlim=(0, width), ylim=(height, 0))


def _listed(names: Sequence[str]) -> list[str]:
    """Rows of what the numbers stand for."""
    texts = [f"{number} {shorten(name, 24)}" for number, name in enumerate(names, start=1)]
    return ["   ".join(texts[at : at + LISTED]) for at in range(0, len(texts), LISTED)]
