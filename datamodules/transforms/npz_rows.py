"""Rows of an array in an npz file, as MedMNIST publishes images: a whole member is read once."""

import os
import re
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any
from zipfile import ZipFile

import numpy as np
from numpy.typing import NDArray

from datamodules.errors import DataError
from datamodules.transforms.xray_pixels import reason

SELECTOR = re.compile(r"(\w+)\[(\d+)\]")
_one_reader = Lock()


def read_row(
    path: Path, selector: str | None, what: str, fits: Callable[[NDArray[Any]], bool]
) -> NDArray[Any]:
    """Take one row from an npz file; the whole member is kept for the rows after it.

    Args:
        path: The npz file.
        selector: Member and row, for example ``train_images[17]``.
        what: The rows are called in messages: ``films``, ``volumes``.
        fits: Whether a member ``(N, ...)`` consists of those.

    Returns:
        The row, a view of what is kept.

    Raises:
        DataError: If the file is damaged, or does not hold such a row.
    """
    if selector is None or (match := SELECTOR.fullmatch(selector)) is None:
        raise DataError(f"an npz file needs a selector such as train_images[17], not '{selector}'")
    stat = path.stat()
    with _one_reader:  # else every thread would load the first member
        member = _member(str(path), stat.st_size, stat.st_mtime_ns, match[1])
    if not fits(member):
        raise DataError(f"'{match[1]}' is {member.dtype} {member.shape}, which are not {what}")
    if (row := int(match[2])) >= len(member):
        raise DataError(f"'{match[1]}' has {len(member)} {what}; there is no {selector}")
    chosen: NDArray[Any] = member[row]
    return chosen


def are_colours(member: NDArray[Any]) -> bool:
    """Whether a member consists of colour images, uint8 ``(N, H, W, 3)``."""
    return member.ndim == 4 and member.shape[3] == 3 and member.dtype == np.uint8


def forget_arrays() -> None:
    """Free the members that were kept for the next row."""
    with _one_reader:
        _member.cache_clear()


@lru_cache(maxsize=4)
def _member(path: str, size: int, mtime_ns: int, name: str) -> NDArray[Any]:
    """A whole member; size and time of the file are part of the key, as it may be replaced."""
    try:
        _check_member(path, name)
        with np.load(path, allow_pickle=False) as archive:
            member: NDArray[Any] = archive[name]
    except DataError:
        raise
    except MemoryError as error:
        raise DataError(f"'{name}' needs more memory than there is") from error
    except Exception as error:  # damaged files make zipfile and numpy raise nearly every exception
        raise DataError(f"the npz file is damaged: {reason(error)}") from error
    return member


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
