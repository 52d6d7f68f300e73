"""Films that are rows of an array in an npz file, as MedMNIST publishes them."""

import os
import re
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any
from zipfile import ZipFile

import numpy as np
from numpy.typing import NDArray

from datamodules.errors import DataError
from datamodules.transforms.xray_pixels import XrayPixels, check_size, luma, reason

SELECTOR = re.compile(r"(\w+)\[(\d+)\]")
_one_reader = Lock()


def read_array(path: Path, selector: str | None) -> XrayPixels:
    """Take one film from an npz file; the whole member is kept for the films after it.

    Args:
        path: The npz file.
        selector: Member and row, for example ``train_images[17]``. The member is uint8 or uint16
            of shape ``(N, H, W)``, or uint8 ``(N, H, W, 3)``, which becomes luma.

    Raises:
        DataError: If the file is damaged, or does not hold such a film.
    """
    if selector is None or (match := SELECTOR.fullmatch(selector)) is None:
        raise DataError(f"an npz file needs a selector such as train_images[17], not '{selector}'")
    stat = path.stat()
    with _one_reader:  # else every thread would load the first member
        films = _member(str(path), stat.st_size, stat.st_mtime_ns, match[1])
    if (row := int(match[2])) >= len(films):
        raise DataError(f"'{match[1]}' has {len(films)} films; there is no {selector}")
    film = films[row]
    grey = luma(film) if film.ndim == 3 else film
    bits = 8 * grey.dtype.itemsize
    return XrayPixels(grey, low=0, high=2**bits - 1, bits=bits)


def forget_arrays() -> None:
    """Free the members that were kept for the next film."""
    with _one_reader:
        _member.cache_clear()


@lru_cache(maxsize=4)
def _member(path: str, size: int, mtime_ns: int, name: str) -> NDArray[Any]:
    """A whole member; size and time of the file are part of the key, as it may be replaced."""
    try:
        _check_member(path, name)
        with np.load(path, allow_pickle=False) as archive:
            films: NDArray[Any] = archive[name]
    except DataError:
        raise
    except MemoryError as error:
        raise DataError(f"'{name}' needs more memory than there is") from error
    except Exception as error:  # damaged files make zipfile and numpy raise nearly every exception
        raise DataError(f"the npz file is damaged: {reason(error)}") from error
    colour = films.ndim == 4 and films.shape[3] == 3 and films.dtype == np.uint8
    if not colour and (films.ndim != 3 or films.dtype not in (np.uint8, np.uint16)):
        raise DataError(f"'{name}' is {films.dtype} {films.shape}, which are not films")
    check_size(*films.shape[1:3])
    return films


def _check_member(path: str, name: str) -> None:
    with ZipFile(path) as archive:
        sizes = {info.filename.removesuffix(".npy"): info.file_size for info in archive.infolist()}
    if name not in sizes:
        raise DataError(f"the npz file has no '{name}'; it has {', '.join(sizes) or 'nothing'}")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if sizes[name] > memory:
        raise DataError(
            f"'{name}' declares {sizes[name] / 1e9:.0f} GB, and this machine has "
            f"{memory / 1e9:.0f} GB of memory"
        )
