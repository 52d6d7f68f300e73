"""Films that are rows of an array in an npz file, as MedMNIST publishes them."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datamodules.transforms.npz_rows import are_colours, read_row
from datamodules.transforms.xray_pixels import XrayPixels, check_size, luma


def read_array(path: Path, selector: str | None) -> XrayPixels:
    """Take one film from an npz file.

    Args:
        path: The npz file.
        selector: Member and row, for example ``train_images[17]``. The member is uint8 or uint16
            of shape ``(N, H, W)``, or uint8 ``(N, H, W, 3)``, which becomes luma.

    Raises:
        DataError: If the file is damaged, or does not hold such a film.
    """
    film = read_row(path, selector, "films", _are_films)
    check_size(*film.shape[:2])
    grey = luma(film) if film.ndim == 3 else film
    bits = 8 * grey.dtype.itemsize
    return XrayPixels(grey, low=0, high=2**bits - 1, bits=bits)


def _are_films(member: NDArray[Any]) -> bool:
    return are_colours(member) or (member.ndim == 3 and member.dtype in (np.uint8, np.uint16))
