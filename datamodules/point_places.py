"""Where the landmarks of a case lie, along the axes of its file, however its dataset gives them.

Places are in continuous coordinates: voxel i covers ``[i, i + 1)``, so that its middle is i + 0.5.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from datamodules.candidates import Space, VolumeCandidate
from datamodules.cases import Case
from datamodules.errors import DataError
from datamodules.transforms.box_geometry import TO_RAS

PlacedPoints = dict[str, tuple[float, ...] | None]
"""Place of each landmark along the axes of a file, in voxels; None: it is not marked."""
POINTS, VOLUME_POINTS, READINGS = "points", "volume_points", "readings"
"""Targets of a case that are landmarks."""
EXTENT = "points_extent"


def placed_points(case: Case, affine: NDArray[np.float64], shape: Sequence[int]) -> PlacedPoints:
    """The landmarks of a case.

    Args:
        case: Its targets may have ``points`` or ``volume_points``.
        affine: ``(4, 4)`` of its file.
        shape: Of its file, without channels.

    Returns:
        By landmark, those that the case has: along the axes of the file, (y, x) of an image.

    Raises:
        DataError: If landmarks have another number of axes than the file; the message is the
            reason.
    """
    targets = case.targets
    given = {**targets.get(POINTS, {}), **targets.get(VOLUME_POINTS, {})}
    return _placed(given, targets.get(EXTENT), affine, shape)


def readings_of(
    case: Case, affine: NDArray[np.float64], shape: Sequence[int]
) -> dict[str, PlacedPoints]:
    """Where others have marked the landmarks of a case, by reading; see :func:`placed_points`."""
    readings = case.targets.get(READINGS, {})
    extent = case.targets.get(EXTENT)
    return {name: _placed(points, extent, affine, shape) for name, points in readings.items()}


def point_axes(case: Case) -> int | None:
    """Axes of the file that the landmarks of a case are made for; None: it has none."""
    if VOLUME_POINTS in case.targets:
        return 3
    return 2 if POINTS in case.targets else None


def voxel_of(
    place: ArrayLike, space: Space, affine: NDArray[np.float64]
) -> tuple[float, float, float]:
    """Where a place in a volume lies along the axes of its file.

    Args:
        place: Three numbers, in mm, or an index: a whole number is the middle of a voxel.
        space: What they are.
        affine: ``(4, 4)``, from the index of a voxel to mm, RAS+.
    """
    index = np.asarray(place, np.float64)
    if space != "voxel":
        index = np.linalg.solve(affine[:3, :3], index * TO_RAS[space] - affine[:3, 3])
    i, j, k = (float(value) for value in index + 0.5)
    return i, j, k


def _placed(
    given: Mapping[str, Any],
    extent: Sequence[float] | None,
    affine: NDArray[np.float64],
    shape: Sequence[int],
) -> PlacedPoints:
    placed: PlacedPoints = {}
    for name, point in given.items():
        axes = 3 if isinstance(point, VolumeCandidate) else 2
        if point is not None and axes != len(shape):
            raise DataError(f"its landmarks have {axes} axes, and the image has {len(shape)}")
        place = None if point is None else _place(point, extent, affine, shape)
        known = place is not None and all(map(math.isfinite, place))
        placed[name] = place if known else None
    return placed


def _place(
    point: VolumeCandidate | Sequence[float],
    extent: Sequence[float] | None,
    affine: NDArray[np.float64],
    shape: Sequence[int],
) -> tuple[float, ...]:
    if isinstance(point, VolumeCandidate):
        return voxel_of(point.centre, point.space, affine)
    (x, y), (height, width) = point, shape
    counted_width, counted_height = extent or (width, height)
    return (y + 0.5) * height / counted_height, (x + 0.5) * width / counted_width
