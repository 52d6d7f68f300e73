"""Boxes over their images: those that are there, and those that were found."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import nibabel
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from datamodules.anatomical_planes import PLANES, turned
from datamodules.volume import Volume
from experiments.figures.shown_image import show_image
from experiments.figures.style import COLORS, MUTED, new_figure, shorten, styled
from lightning_modules.found_boxes import FoundBoxes
from lightning_modules.metrics.box_overlap import Boxes

MOST_NAMED = 8
"""Classes in the legend."""
MARK = "#FFD400"
"""Colour of the corners around the box that a panel is about."""
SIDE_INCHES = 2.4
COLUMNS = 4
Drawn = tuple[int, NDArray[np.floating[Any]]]
"""A label and a rectangle: left, top, right and bottom in pixels of what is shown."""
CONTEXT = 3.0
"""A panel about one box shows so many times its longest side, and a third of the image or more."""


@dataclass(frozen=True, eq=False)
class BoxedImage:
    """An image or a volume in canonical orientation (RAS+), and boxes in its voxels.

    Attributes:
        title: What is said of it.
        image: ``(C, *spatial)``; the first channel is shown, or three as colours.
        spacing: Of the grid.
        found: Boxes that are called.
        truth: ``(N, 2 * axes)``, or None where it is not known.
        truth_labels: Positions among the classes, ``(N,)``; -1: of any class.
        about: The box ``(2 * axes,)`` that the panel is about; None: the whole image.
    """

    title: str
    image: NDArray[np.floating[Any]]
    spacing: tuple[float, ...]
    found: FoundBoxes
    truth: Boxes | None = None
    truth_labels: NDArray[np.integer[Any]] | None = None
    about: NDArray[np.floating[Any]] | None = None


@dataclass(frozen=True, eq=False)
class _Plane:
    """One slice as it is shown; rectangles are ``(left, top, right, bottom)`` in its pixels."""

    name: str
    image: NDArray[np.floating[Any]]
    aspect: float
    found: list[Drawn]
    truth: list[Drawn]
    about: NDArray[np.floating[Any]] | None


@styled
def box_overlays(cases: Sequence[BoxedImage], classes: Sequence[str], title: str) -> Figure:
    """A panel an image, four in a row; of volumes a row of three planes through the box.

    Args:
        cases: What is shown.
        classes: In the order of the labels.
        title: Of the sheet.
    """
    planes = [(case, plane) for case in cases for plane in _planes(case)]
    volumes = bool(cases) and cases[0].image.ndim == 4
    columns = len(PLANES) if volumes else min(COLUMNS, max(1, len(planes)))
    rows = max(1, -(-len(planes) // columns))
    side = SIDE_INCHES if len(planes) > 1 else 2 * SIDE_INCHES
    figure = new_figure(max(5.2, columns * side + 0.4), rows * (side + 0.35) + 1.1, title)
    grid = figure.subplots(rows, columns, squeeze=False).flatten()
    for number, (axes, (case, plane)) in enumerate(zip(grid, planes, strict=False)):
        _show(axes, plane)
        if not volumes or number % columns == 0:
            axes.set_title(shorten(case.title, 40 if not volumes else 70), fontsize=7.5)
    for axes in grid[len(planes) :]:
        axes.remove()
    figure.legend(handles=_handles(cases, classes), loc="outside lower left", ncols=4)
    return figure


@styled
def draw_found(name: str, image: Volume, boxes: FoundBoxes, classes: Sequence[str]) -> Figure:
    """The boxes that were found in one file; of a volume three planes through the best.

    Args:
        name: Of the case.
        image: In the geometry of the file.
        boxes: In its voxels, those that reach the operating point.
        classes: In the order of the labels.
    """
    shown, found, spacing = _canonical(image, boxes)
    about = found.boxes[0] if image.array.ndim == 4 and len(found.scores) else None
    case = BoxedImage(f"{len(found.scores)} found", shown, spacing, found, about=about)
    return box_overlays([case], classes, shorten(name, 48))


def _canonical(
    image: Volume, boxes: FoundBoxes
) -> tuple[NDArray[Any], FoundBoxes, tuple[float, ...]]:
    """A volume with its axes to the right, to the front and up, boxes with it, and its spacing."""
    if image.array.ndim < 4:
        return image.array, boxes, image.spacing
    orientation = nibabel.io_orientation(image.affine)
    array = np.stack([nibabel.apply_orientation(each, orientation) for each in image.array])
    moved, spacing = np.empty_like(boxes.boxes), [1.0] * 3
    for axis, (target, sign) in enumerate(orientation):
        side, at = image.array.shape[axis + 1], int(target)
        low, high = boxes.boxes[:, axis], boxes.boxes[:, axis + 3]
        first, last = (low, high) if sign > 0 else (side - high, side - low)
        moved[:, at], moved[:, at + 3] = first, last
        spacing[at] = image.spacing[axis]
    return array, boxes._replace(boxes=moved), tuple(spacing)


def _planes(case: BoxedImage) -> Iterator[_Plane]:
    """The slices that are shown: the one of an image, the three of a volume through its box."""
    truth = np.empty((0, case.found.boxes.shape[1])) if case.truth is None else case.truth
    labels = np.zeros(len(truth), int) if case.truth_labels is None else case.truth_labels
    found, there = _Slice(case.found.boxes, case.found.labels), _Slice(truth, labels)
    if case.image.ndim == 3:
        colours = case.image[:3] if len(case.image) == 3 else case.image[:1]
        yield _Plane(
            "",
            np.moveaxis(colours, 0, -1),
            case.spacing[0] / case.spacing[1],
            found.flat(),
            there.flat(),
            None if case.about is None else case.about[[1, 0, 3, 2]],
        )
        return
    for name, axis in PLANES.items():
        at = _slice_of(case, axis)
        across, up = (other for other in range(3) if other != axis)
        yield _Plane(
            f"{name} {at + 1}",
            turned(case.image[0].take(at, axis))[..., None],
            case.spacing[up] / case.spacing[across],
            found.within(axis, at, case.image.shape[1:]),
            there.within(axis, at, case.image.shape[1:]),
            None if case.about is None else _turned_box(case.about, axis, case.image.shape[1:]),
        )


class _Slice(NamedTuple):
    """Boxes of a case with their labels, as they lie in one of its planes."""

    boxes: Boxes
    labels: NDArray[np.integer[Any]]

    def flat(self) -> list[Drawn]:
        """In an image."""
        pairs = zip(self.labels.tolist(), self.boxes, strict=True)
        return [(label, box[[1, 0, 3, 2]]) for label, box in pairs]

    def within(self, axis: int, at: int, shape: Sequence[int]) -> list[Drawn]:
        """In a slice of a volume; what it does not cut is left out."""
        pairs = zip(self.labels.tolist(), self.boxes, strict=True)
        return [
            (label, _turned_box(box, axis, shape))
            for label, box in pairs
            if box[axis] <= at + 0.5 < box[axis + 3]
        ]


def _turned_box(box: NDArray[Any], axis: int, shape: Sequence[int]) -> NDArray[Any]:
    """Left, top, right and bottom of a box in a slice, whose axes are both shown reversed."""
    across, up = (other for other in range(3) if other != axis)
    width, height = shape[across], shape[up]
    low, high = (across, up), (across + 3, up + 3)
    return np.array(
        [width - box[high[0]], height - box[high[1]], width - box[low[0]], height - box[low[1]]]
    )


def _slice_of(case: BoxedImage, axis: int) -> int:
    side = case.image.shape[axis + 1]
    middle = side / 2 if case.about is None else (case.about[axis] + case.about[axis + 3]) / 2
    return int(np.clip(middle, 0, side - 1))


def _show(axes: Axes, plane: _Plane) -> None:
    show_image(axes, plane.image, plane.aspect, plane.name)
    height, width = plane.image.shape[:2]
    for label, box in plane.truth:
        _rectangle(axes, box, _color(label), linestyle=(0, (2.5, 1.5)), linewidth=1.3)
    for label, box in plane.found:
        _rectangle(axes, box, _color(label), linewidth=1.3)
    if plane.about is not None:
        _mark_and_zoom(axes, plane.about, (width, height), plane.aspect)


def _mark_and_zoom(
    axes: Axes, box: NDArray[np.floating[Any]], sides: tuple[int, int], aspect: float
) -> None:
    """Corners around a box, and of the image only what is around it."""
    (left, top, right, bottom), (width, height) = box.tolist(), sides
    longest = max(right - left, (bottom - top) * aspect)
    span = min(max(CONTEXT * longest, max(width, height * aspect) / 3), width, height * aspect)
    start, end = _around(left, right, span, width)
    axes.set_xlim(start, end)
    start, end = _around(top, bottom, span / aspect, height)
    axes.set_ylim(end, start)
    gap, arm = 0.025 * span, 0.06 * span
    for column, inward in ((left - gap, arm), (right + gap, -arm)):
        for row, down in ((top - gap / aspect, arm), (bottom + gap / aspect, -arm)):
            x, y = [column + inward, column, column], [row, row, row + down / aspect]
            axes.plot(x, y, color=MARK, linewidth=1.5, solid_capstyle="butt")


def _around(low: float, high: float, span: float, side: int) -> tuple[float, float]:
    """A stretch of so many pixels with a box in its middle, as far as the image goes."""
    start = min(max(0.0, (low + high - span) / 2), side - span)
    return start, start + span


def _rectangle(axes: Axes, box: NDArray[np.floating[Any]], color: str, **line: Any) -> None:  # noqa: ANN401
    left, top, right, bottom = box.tolist()
    axes.add_patch(
        Rectangle((left, top), right - left, bottom - top, fill=False, edgecolor=color, **line)
    )


def _handles(cases: Sequence[BoxedImage], classes: Sequence[str]) -> list[Line2D]:
    handles = [
        Line2D([], [], color=_color(number), linewidth=2, label=shorten(name))
        for number, name in enumerate(classes[:MOST_NAMED])
    ]
    if any(case.truth is not None for case in cases):
        dashed = Line2D([], [], color=MUTED, linestyle=(0, (2.5, 1.5)), label="dashed: truth")
        handles += [Line2D([], [], color=MUTED, label="line: predicted"), dashed]
    return handles


def _color(label: int) -> str:
    return MUTED if label < 0 else COLORS[label % len(COLORS)]
