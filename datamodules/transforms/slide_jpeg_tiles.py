"""JPEG tiles of TIFF slides, decoded straight from the file without openslide's canvas.

What is not understood here is left to openslide: other codecs, other formats, tiles that are
missing or damaged.
"""

import logging
import os
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np
from imagecodecs import JpegError, jpeg8_decode
from numpy.typing import NDArray
from tifffile import COMPRESSION, PHOTOMETRIC, TiffFile, TiffPage, TiffPages

logging.getLogger("tifffile").setLevel(logging.CRITICAL)  # what it does not read, openslide does

COLOURS = {PHOTOMETRIC.RGB: "RGB", PHOTOMETRIC.YCBCR: "YCBCR"}
WHITE = 255
BYTES_KEPT = 16_000_000
"""Of decoded tiles of a level, as neighbours share them."""
LARGEST_TILE = 1024
"""Pixels along a side; a level in one piece would be decoded whole."""


class JpegTiles:
    """The tiles of one level. Several threads may read at once.

    Attributes:
        size: Width and height of the level in pixels.
        tile: Width and height of a tile in pixels.
    """

    def __init__(self, path: Path, page: TiffPage) -> None:
        self.size = (page.imagewidth, page.imagelength)
        self.tile = (page.tilewidth, page.tilelength)
        self._columns = -(-page.imagewidth // page.tilewidth)
        self._offsets = np.asarray(page.dataoffsets, np.int64)
        self._lengths = np.asarray(page.databytecounts, np.int64)
        self._tables, self._colours = page.jpegtables, COLOURS[PHOTOMETRIC(page.photometric)]
        self._file = path.open("rb", buffering=0)
        kept = BYTES_KEPT // (3 * page.tilewidth * page.tilelength)
        self._decoded = lru_cache(kept)(self._decode)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def region(self, x: int, y: int, width: int, height: int) -> NDArray[np.uint8] | None:
        """RGB ``(height, width, 3)`` from a pixel of the level on; white beyond its edges.

        Returns:
            None where a tile is missing or damaged.
        """
        left, right = max(x, 0), min(x + width, self.size[0])
        top, bottom = max(y, 0), min(y + height, self.size[1])
        found = np.empty((height, width, 3), np.uint8)
        if (right - left, bottom - top) != (width, height):
            found[:] = WHITE
        for row, rows, rows_of_tile in _pieces(top, bottom, self.tile[1]):
            for column, columns, columns_of_tile in _pieces(left, right, self.tile[0]):
                tile = self._decoded(row * self._columns + column)
                if tile is None:
                    return None
                place = (slice(rows.start - y, rows.stop - y), _moved(columns, -x))
                found[place] = tile[rows_of_tile, columns_of_tile]
        return found

    def _decode(self, number: int) -> NDArray[np.uint8] | None:
        length = int(self._lengths[number])
        content = os.pread(self._file.fileno(), length, int(self._offsets[number]))
        if not length or len(content) < length:
            return None
        try:
            tile = jpeg8_decode(
                content, tables=self._tables, colorspace=self._colours, outcolorspace="RGB"
            )
        except JpegError:
            return None
        return tile if tile.shape == (self.tile[1], self.tile[0], 3) else None


def _moved(place: slice, by: int) -> slice:
    return slice(place.start + by, place.stop + by)


def _pieces(start: int, stop: int, side: int) -> Iterator[tuple[int, slice, slice]]:
    """Tiles along one axis: their number, the pixels of the level, and those of the tile."""
    for number in range(start // side, -(-stop // side) if stop > start else 0):
        pixels = slice(max(start, number * side), min(stop, (number + 1) * side))
        yield number, pixels, _moved(pixels, -number * side)


def open_jpeg_tiles(path: Path, size: tuple[int, int]) -> JpegTiles | None:
    """Find the tiles of the level of a size; their places in the file are read once.

    Args:
        path: A TIFF slide.
        size: Width and height of the level in pixels.

    Returns:
        None if the file has no such level with JPEG tiles of three channels and 8 bits.
    """
    try:
        with TiffFile(path) as file:
            page = _page(file.pages, size)
            return None if page is None else JpegTiles(path, page)
    except Exception:  # damaged headers make tifffile raise nearly every built-in exception
        return None


def _page(pages: TiffPages, size: tuple[int, int]) -> TiffPage | None:
    found = [page for page in map(_whole, pages) if (page.imagewidth, page.imagelength) == size]
    return found[0] if len(found) == 1 and _is_understood(found[0]) else None


def _whole(page: object) -> TiffPage:
    return page if isinstance(page, TiffPage) else page.aspage()  # type: ignore[attr-defined]


def _is_understood(page: TiffPage) -> bool:
    if not page.is_tiled:
        return False
    tiles = -(-page.imagewidth // page.tilewidth) * -(-page.imagelength // page.tilelength)
    return (
        max(page.tilewidth, page.tilelength) <= LARGEST_TILE
        and page.compression == COMPRESSION.JPEG
        and page.photometric in COLOURS
        and page.planarconfig == 1
        and (page.samplesperpixel, page.bitspersample, page.imagedepth) == (3, 8, 1)
        and len(page.dataoffsets) == len(page.databytecounts) == tiles
    )
