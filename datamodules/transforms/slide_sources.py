"""Where the pixels of a slide come from: openslide, JPEG tiles of its file, an image in memory."""

import math
from pathlib import Path
from threading import Lock
from typing import Protocol

import numpy as np
import openslide
from numpy.typing import NDArray
from PIL import Image, ImageOps

from datamodules.transforms.slide_jpeg_tiles import JpegTiles, open_jpeg_tiles
from datamodules.transforms.xray_raster import decode_raster

Pixels = NDArray[np.uint8]
WITH_JPEG_TILES = ("aperio", "generic-tiff")
"""Vendors, as openslide calls them, whose TIFF pages are its levels and nothing else."""
MOST_APART = 2.0
"""Mean difference in grey levels from openslide's pixels: decoders round in their own ways."""


class SlideSource(Protocol):
    """Where the pixels come from."""

    level_sizes: tuple[tuple[int, int], ...]
    downsamples: tuple[float, ...]
    said_um: tuple[float, float] | None
    identity: str | None

    def region(self, x: int, y: int, level: int, width: int, height: int) -> Pixels:
        """A rectangle of a level from a pixel of level 0 on; white where there is nothing."""

    def close(self) -> None:
        """Close the file."""


class ScannedSlide:
    """A slide that openslide reads; JPEG tiles are decoded straight from the file."""

    def __init__(self, path: Path, vendor: str) -> None:
        self._slide = openslide.OpenSlide(path)
        properties = self._slide.properties
        self.level_sizes = self._slide.level_dimensions
        self.downsamples = self._slide.level_downsamples
        self.said_um = _said(
            properties.get(openslide.PROPERTY_NAME_MPP_X),
            properties.get(openslide.PROPERTY_NAME_MPP_Y),
        )
        self.identity = properties.get(openslide.PROPERTY_NAME_QUICKHASH1)
        self._path, self._has_jpeg_tiles = path, vendor in WITH_JPEG_TILES
        self._tiles: dict[int, JpegTiles | None] = {}
        self._lock = Lock()

    def close(self) -> None:
        """Close the file, and those of its tiles."""
        for tiles in self._tiles.values():
            if tiles is not None:
                tiles.close()
        self._tiles = {}
        self._slide.close()

    def region(self, x: int, y: int, level: int, width: int, height: int) -> Pixels:
        """Read a rectangle; see the protocol."""
        tiles = self._jpeg_tiles(level)
        if tiles is not None:
            left, top = (round(each / self.downsamples[level]) for each in (x, y))
            if (found := tiles.region(left, top, width, height)) is not None:
                return found
        return self._painted(x, y, level, width, height)

    def _painted(self, x: int, y: int, level: int, width: int, height: int) -> Pixels:
        """As openslide paints it, over white."""
        pixels = np.asarray(self._slide.read_region((x, y), level, (width, height)))
        colours, opaque = pixels[..., :3], pixels[..., 3:]
        if opaque.min() == 255:
            return np.ascontiguousarray(colours)
        share = opaque.astype(np.float32) / 255
        return np.rint(colours * share + 255 * (1 - share)).astype(np.uint8)

    def _jpeg_tiles(self, level: int) -> JpegTiles | None:
        if not self._has_jpeg_tiles:
            return None
        with self._lock:
            if level not in self._tiles:
                self._tiles[level] = self._tried(level)
            return self._tiles[level]

    def _tried(self, level: int) -> JpegTiles | None:
        """The tiles of a level if they look as they do to openslide, tried on the middle one."""
        tiles = open_jpeg_tiles(self._path, self.level_sizes[level])
        if tiles is None:
            return None
        left, top = (
            size // 2 // side * side for size, side in zip(tiles.size, tiles.tile, strict=True)
        )
        ours = tiles.region(left, top, *tiles.tile)
        scale = self.downsamples[level]
        painted = self._painted(round(left * scale), round(top * scale), level, *tiles.tile)
        if ours is not None and np.abs(ours.astype(np.int16) - painted).mean() <= MOST_APART:
            return tiles
        tiles.close()
        return None


class SmallSlide:
    """An image that is in memory."""

    said_um: tuple[float, float] | None = None
    identity: str | None = None
    downsamples: tuple[float, ...] = (1.0,)

    def __init__(self, content: bytes, kind: str) -> None:
        image = ImageOps.exif_transpose(decode_raster(content, kind))
        if image.has_transparency_data:
            white = Image.new("RGBA", image.size, "white")
            image = Image.alpha_composite(white, image.convert("RGBA"))
        self._pixels = np.asarray(image.convert("RGB"))
        self.level_sizes: tuple[tuple[int, int], ...] = (image.size,)

    def close(self) -> None:
        """Let go of the image."""
        self._pixels = self._pixels[:0]

    def region(self, x: int, y: int, level: int, width: int, height: int) -> Pixels:
        """Read a rectangle; see the protocol."""
        del level
        found = np.full((height, width, 3), 255, np.uint8)
        left, top = max(x, 0), max(y, 0)
        inside = self._pixels[top : max(top, y + height), left : max(left, x + width)]
        rows, columns = inside.shape[:2]
        found[top - y : top - y + rows, left - x : left - x + columns] = inside
        return found


def _said(across: str | None, down: str | None) -> tuple[float, float] | None:
    """What the file says, if it is a number."""
    try:
        found = (float(across or down or ""), float(down or across or ""))
    except ValueError:
        return None
    return found if all(math.isfinite(step) and step > 0 for step in found) else None
