"""Where the boxes of a case lie, along the axes of its file, however its dataset gives them."""

import numpy as np
from numpy.typing import NDArray

from datamodules.cases import Case
from datamodules.errors import DataError
from datamodules.transforms.box_geometry import voxels_of

PlacedBox = tuple[str, tuple[float, ...]]
"""Label, and low and then high corner along the axes of the file, in voxels."""


def placed_boxes(
    case: Case, affine: NDArray[np.float64], axes: int, *, ignored: bool = False
) -> list[PlacedBox]:
    """The boxes of a case.

    Args:
        case: Its targets have ``boxes`` or ``volume_boxes``.
        affine: ``(4, 4)`` of its file.
        axes: Of its file.
        ignored: Those of regions in which nothing counts.

    Raises:
        DataError: If boxes have another number of axes than the file; the message is the reason.
    """
    prefix = "ignored_" if ignored else ""
    flat: list[PlacedBox] = [
        (label, (y, x, y + height, x + width))
        for label, x, y, width, height in case.targets.get(f"{prefix}boxes", ())
    ]
    deep: list[PlacedBox] = [
        (label, tuple(voxels_of(place, affine)))
        for label, place in case.targets.get(f"{prefix}volume_boxes", ())
    ]
    if (deep if axes == 2 else flat) or axes not in (2, 3):
        given = "three axes" if deep else "two"
        raise DataError(f"its boxes have {given}, and the image has {axes}")
    return [*flat, *deep]
