"""Where the slices of a DICOM series lie, and whether they make a volume."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset

from datamodules.errors import DataError

SAME_DIRECTION = 1e-3
SAME_PLACE_MM = 1e-3
UNEVEN = 0.05
MISSING = 1.5
MOST_TILT_DEGREES = 1.0
"""Between the way from slice to slice and their normal; rounded positions make a tilt as well."""
LPS_TO_RAS = np.array([-1.0, -1.0, 1.0])


@dataclass(frozen=True, eq=False)
class Plane:
    """Where a slice lies, in DICOM's LPS coordinates, mm.

    Attributes:
        shape: Rows and columns.
        directions: Along a row (to the next column) and along a column, unit vectors, ``(2, 3)``.
        position: Centre of the first voxel, ``(3,)``.
        spacing: Distance of rows, of columns.
        thickness: Distance to the next slice, where there is none to measure it.
    """

    shape: tuple[int, int]
    directions: NDArray[np.float64]
    position: NDArray[np.float64]
    spacing: tuple[float, float]
    thickness: float = 1.0

    @property
    def normal(self) -> NDArray[np.float64]:
        """Direction in which slices follow each other."""
        return np.cross(*self.directions)


def plane_of(header: Dataset, shape: tuple[int, ...] | None = None) -> Plane:
    """Where a slice lies, by its header.

    Raises:
        DataError: If the header does not say.
    """
    needed = {"ImageOrientationPatient": 6, "ImagePositionPatient": 3, "PixelSpacing": 2}
    found = {name: _numbers(header, name, count) for name, count in needed.items()}
    directions = found["ImageOrientationPatient"].reshape(2, 3)
    gram = directions @ directions.T
    if np.abs(gram - np.eye(2)).max() > SAME_DIRECTION or found["PixelSpacing"].min() <= 0:
        raise DataError("a slice has directions that are not at right angles, or no pixel spacing")
    directions = directions / np.linalg.norm(directions, axis=1, keepdims=True)
    rows, columns = shape or (int(header.Rows), int(header.Columns))
    height, width = found["PixelSpacing"]
    thickness = header.get("SpacingBetweenSlices") or header.get("SliceThickness") or 1.0
    return Plane(
        *((rows, columns), directions, found["ImagePositionPatient"]),
        *((float(height), float(width)), abs(float(thickness))),
    )


def stack_planes(planes: Sequence[Plane]) -> tuple[list[int], NDArray[np.float64]]:
    """Order of slices along their normal, and the affine of ``(column, row, slice)``, RAS+, mm.

    Raises:
        DataError: If they are not parallel, of one size, straight behind one another, and at even
            distances.
    """
    first = planes[0]
    for plane in planes[1:]:
        if plane.shape != first.shape or not np.allclose(plane.spacing, first.spacing, rtol=1e-3):
            raise DataError("its slices differ in size or pixel spacing; they are no one volume")
        if np.abs(plane.directions - first.directions).max() > SAME_DIRECTION:
            raise DataError("its slices are not parallel; they are no one volume")
    places = np.array([plane.position @ first.normal for plane in planes])
    order = [int(index) for index in np.argsort(places, kind="stable")]
    _check_gaps(places[order])
    start, end = planes[order[0]].position, planes[order[-1]].position
    _check_tilt(end - start, first.normal)
    step = (end - start) / (len(planes) - 1) if len(planes) > 1 else first.normal * first.thickness
    affine = np.eye(4)
    affine[:3, 0] = first.directions[0] * first.spacing[1]
    affine[:3, 1] = first.directions[1] * first.spacing[0]
    affine[:3, 2], affine[:3, 3] = step, start
    affine[:3] *= LPS_TO_RAS[:, None]
    return order, affine


def _check_gaps(places: NDArray[np.float64]) -> None:
    gaps = np.diff(places)
    if not len(gaps):
        return
    if same := int((gaps < SAME_PLACE_MM).sum()):
        raise DataError(
            f"{same} of its {len(places)} slices lie at the place of another one: copies, or "
            "several echoes or time points, which must be given one by one"
        )
    usual = float(np.quantile(gaps, 0.5, method="lower"))
    if len(wide := np.flatnonzero(gaps > MISSING * usual)):
        raise DataError(
            f"slices are missing: a gap of {gaps[wide[0]]:.4g} mm after slice {wide[0] + 1} of "
            f"{len(places)}, where {usual:.4g} mm are usual"
        )
    if np.abs(gaps - usual).max() > UNEVEN * usual:
        raise DataError(
            f"its slices lie at uneven distances of {gaps.min():.4g} to {gaps.max():.4g} mm"
        )


def _check_tilt(way: NDArray[np.float64], normal: NDArray[np.float64]) -> None:
    """Refuse slices that are shifted against each other, as those of a CT with a tilted gantry."""
    along = float(way @ normal)
    tilt = math.degrees(math.atan2(float(np.linalg.norm(way - along * normal)), along))
    if tilt > MOST_TILT_DEGREES:
        raise DataError(
            f"its slices are shifted against each other by a gantry tilted by {tilt:.1f} degrees; "
            "correct the tilt, as dcm2niix does, and give the corrected file"
        )


def _numbers(header: Dataset, name: str, count: int) -> NDArray[np.float64]:
    values = header.get(name)
    try:
        found = np.array([float(value) for value in values or ()])
    except (TypeError, ValueError):
        found = np.array([])
    if len(found) != count or not np.isfinite(found).all():
        raise DataError(f"a slice has no valid {name}; it has no place in the patient")
    return found
