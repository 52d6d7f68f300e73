"""Masks as run lengths in a table, as the SIIM-ACR pneumothorax challenge publishes them."""

import csv
import gzip
import re
from collections import defaultdict
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datamodules.errors import DataError

SELECTOR = re.compile(r"rle\[(.+)\]")
COLUMNS = ("ImageId", "EncodedPixels")
NO_MASK = "-1"
Table = dict[str, tuple[str, ...]]


def read_run_lengths(path: Path, selector: str | None, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Take the mask of one image; rows of the same image are united.

    Args:
        path: A CSV of the columns ImageId and EncodedPixels.
        selector: ``rle[ImageId]``.
        shape: Rows and columns of the image.

    Returns:
        uint8 0 and 1, shape ``(1, rows, columns)``.

    Raises:
        DataError: If the table has no such image, or its runs leave the image.
    """
    if selector is None or (match := SELECTOR.fullmatch(selector)) is None:
        raise DataError("a table of run lengths needs a selector such as rle[ImageId]")
    if len(shape) != 2:
        raise DataError("run lengths are those of a 2D image")
    stat = path.stat()
    table = _table(path, stat.st_size, stat.st_mtime_ns)
    if match[1] not in table:
        raise DataError("the table of run lengths has no row of this image")
    mask = np.zeros(shape, np.uint8)
    for text in table[match[1]]:
        mask |= decode_run_lengths(text, shape)
    return mask[None]


def decode_run_lengths(text: str, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Decode pairs of (distance from the end of the run before, length), column after column.

    Args:
        text: Such as ``3 2 10 4``; ``-1`` is an empty mask.
        shape: Rows and columns.

    Raises:
        DataError: If the numbers are no such pairs, or reach beyond the image.
    """
    rows, columns = shape
    flat = np.zeros(rows * columns, np.uint8)
    if (text := text.strip()) == NO_MASK:
        return flat.reshape(shape)
    try:
        numbers = np.array([int(word) for word in text.split()], np.int64)
    except ValueError:
        raise DataError("its run lengths are no whole numbers") from None
    if not len(numbers) or len(numbers) % 2 or numbers.min() < 0:
        raise DataError("its run lengths are no pairs of a distance and a length")
    ends = np.cumsum(numbers)
    if ends[-1] > len(flat):
        raise DataError(f"its run lengths reach beyond {rows} x {columns} pixels")
    for start, end in zip(ends[::2], ends[1::2], strict=True):
        flat[start:end] = 1
    return np.ascontiguousarray(flat.reshape(columns, rows).T)


def images_with_run_lengths(path: Path) -> Table:
    """Run lengths by ImageId; several where an image has several rows.

    Raises:
        DataError: If the file is no such table.
    """
    stat = path.stat()
    return _table(path, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=2)
def _table(path: Path, size: int, mtime_ns: int) -> Table:
    """The whole table; size and time of the file are part of the key, as it may be replaced."""
    found: dict[str, list[str]] = defaultdict(list)
    opened = gzip.open if path.name.endswith(".gz") else open
    try:
        with opened(path, "rt", newline="", encoding="utf-8-sig") as file:
            rows = csv.reader(file)
            names = [name.strip() for name in next(rows, [])]
            if missing := [name for name in COLUMNS if name not in names]:
                raise DataError(f"the table lacks the column {' and '.join(missing)}")
            image, pixels = (names.index(name) for name in COLUMNS)
            for number, row in enumerate(rows, 2):
                if len(row) != len(names):
                    raise DataError(f"line {number} of the table has {len(row)} cells")
                found[row[image].strip()].append(row[pixels])
    except (UnicodeDecodeError, csv.Error, EOFError) as error:
        raise DataError(f"the table of run lengths is damaged ({type(error).__name__})") from None
    return {name: tuple(texts) for name, texts in found.items()}
