"""In which units lengths and sizes of masks are given."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

MM3_PER_ML = 1000.0


@dataclass(frozen=True)
class MaskUnits:
    """Units of volumes (3) or flat images (2), with or without a spacing in mm.

    Attributes:
        dimensions: Spatial axes, 2 or 3.
        has_spacing: Whether the files say how large a voxel is.
    """

    dimensions: int = 3
    has_spacing: bool = True

    @property
    def length(self) -> str:
        """Unit of distances."""
        return "mm" if self.has_spacing else "px"

    @property
    def size(self) -> str:
        """Unit of volumes or areas."""
        if not self.has_spacing:
            return "px"
        return "ml" if self.dimensions == 3 else "mm2"

    @property
    def extent(self) -> str:
        """What a size is: a volume or an area."""
        return "volume" if self.dimensions == 3 else "area"

    def voxel(self, spacing: Sequence[float]) -> float:
        """Size of one voxel of this spacing (mm) in :attr:`size`."""
        if not self.has_spacing:
            return 1.0
        return math.prod(spacing) / (MM3_PER_ML if self.dimensions == 3 else 1.0)
