"""Volumes that are rows of an array in an npz file, as MedMNIST publishes them."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datamodules.transforms.npz_rows import are_colours, read_row
from datamodules.volume import Volume


def read_array(path: Path, selector: str | None) -> Volume:
    """Take one volume from an npz file, which says nothing about the size of its voxels.

    Args:
        path: The npz file.
        selector: Member and row, for example ``train_images[17]``; the member is ``(N, i, j, k)``.

    Returns:
        Array ``(1, i, j, k)`` of the member's dtype, a copy.

    Raises:
        DataError: If the file is damaged, or does not hold such a volume.
    """
    row = read_row(path, selector, "volumes", _are_volumes)
    return Volume(row[None].copy(), np.eye(4), has_spacing=False)


def _are_volumes(member: NDArray[Any]) -> bool:
    return member.ndim == 4 and 0 not in member.shape[1:] and not are_colours(member)
