"""A volume or a natural image as read from its files: voxels, and where they lie."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


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
