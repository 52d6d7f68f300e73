"""A volume or a natural image as read from its files: voxels, and where they lie."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datamodules.errors import DataError


@dataclass(frozen=True, eq=False)
class Volume:
    """Voxels and their place in the patient.

    Attributes:
        array: Shape ``(C, *spatial)``, two or three spatial axes in the order of the file's index:
            ``(C, i, j, k)`` of a NIfTI, ``(C, H, W)`` of a PNG.
        affine: ``(4, 4)``, float64: from index to mm, RAS+ as NIfTI has it. With two spatial axes
            the third column is a dummy.
        has_spacing: False where the file does not say how large its pixels are; they count as 1.
    """

    array: NDArray[Any]
    affine: NDArray[np.float64]
    has_spacing: bool = True

    @property
    def spatial(self) -> tuple[int, ...]:
        """Number of voxels along each spatial axis."""
        return tuple(self.array.shape[1:])

    @property
    def spacing(self) -> tuple[float, ...]:
        """Distance of neighbouring voxels along each spatial axis, in mm."""
        columns = self.affine[:3, : len(self.spatial)]
        return tuple(float(length) for length in np.linalg.norm(columns, axis=0))


def with_spacing(volume: Volume, spacing_mm: Sequence[float] | None) -> Volume:
    """A volume with the spacing that is known of it, where its file does not say how large it is.

    Args:
        volume: As it was read.
        spacing_mm: Along its axes; None: nothing is known.

    Raises:
        DataError: If the volume has another number of axes; the message is the reason only.
    """
    if spacing_mm is None or volume.has_spacing:
        return volume
    if len(spacing_mm) != len(volume.spatial):
        raise DataError(
            f"its spacing is declared along {len(spacing_mm)} axes, and it has"
            f" {len(volume.spatial)}"
        )
    steps = np.ones(4)
    steps[: len(spacing_mm)] = spacing_mm
    return replace(volume, affine=volume.affine * steps, has_spacing=True)
