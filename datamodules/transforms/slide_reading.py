"""From a file to the pixels of a whole slide, of which only what is asked for is in memory."""

import hashlib
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

import cv2
import numpy as np
import openslide

from datamodules.errors import DataError
from datamodules.transforms.slide_sources import Pixels, ScannedSlide, SlideSource, SmallSlide
from datamodules.transforms.xray_pixels import HASH_BYTES, reason
from datamodules.transforms.xray_reading import HEAD_BYTES, SIGNATURES

cv2.setNumThreads(1)  # slides are read in parallel, each on one thread

SMALL = ("PNG", "JPEG")
"""Formats of small slides, which are decoded whole."""
MOST_STRETCHED = 1.05
FINEST_UM, COARSEST_UM = 0.01, 20.0
"""Of a scale that a scanner writes; 300 dots per inch of a print would be 85."""
BLOCK = 2048
"""Side in pixels of what is read at once for an image of the whole slide."""
SAME_SCALE = 1.01
ASSUMED = "--data.assumed-um-per-pixel"
"""Where a person says the scale of slides that do not."""


class Slide:
    """A whole slide, or a small image taken for one; several threads may read at once.

    Attributes:
        path: Its file.
        size: Width and height in pixels at level 0, the finest.
        um_per_pixel: Micrometres a pixel of level 0.
        downsamples: Of each level: how many pixels of level 0 lie along one of its pixels.
    """

    def __init__(self, path: Path, source: SlideSource, um_per_pixel: float) -> None:
        self.path, self.um_per_pixel, self._source = path, um_per_pixel, source
        self.level_sizes, self.downsamples = source.level_sizes, source.downsamples
        self.size = self.level_sizes[0]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; nothing can be read after this."""
        self._source.close()

    @cached_property
    def content(self) -> bytes:
        """16 bytes that are the same for the same pixels: openslide's quickhash-1, which is that of
        the coarsest level, and the sizes of the levels; or of all bytes where there is none.
        """  # noqa: D205
        digest = hashlib.blake2b(repr(self.level_sizes).encode(), digest_size=HASH_BYTES)
        if self._source.identity is not None:
            digest.update(self._source.identity.encode())
            return digest.digest()
        with self.path.open("rb") as file:
            while block := file.read(1 << 22):
                digest.update(block)
        return digest.digest()

    def level_for(self, um_per_pixel: float) -> int:
        """The coarsest level that is not coarser than a scale (by more than 1 %); else level 0."""
        most = um_per_pixel / self.um_per_pixel * SAME_SCALE
        return max((n for n, each in enumerate(self.downsamples) if each <= most), default=0)

    def region(self, x: int, y: int, level: int, width: int, height: int) -> Pixels:
        """Read a rectangle of a level.

        Args:
            x: Left edge in pixels of level 0.
            y: Upper edge in pixels of level 0.
            level: Which level; 0 is the finest.
            width: In pixels of that level.
            height: In pixels of that level.

        Returns:
            RGB uint8, ``(height, width, 3)``; white where the slide has nothing.

        Raises:
            DataError: If the file is damaged or cut off there.
        """
        try:
            return self._source.region(x, y, level, width, height)
        except (openslide.OpenSlideError, OSError) as error:
            raise DataError(
                f"{self.path.name}: its pixels at {x}, {y} of level {level} cannot be read "
                f"({_reason(error, self.path)}); the file is damaged or cut off: copy it again"
            ) from error

    def thumbnail(self, um_per_pixel: float) -> Pixels:
        """The whole slide on a coarse scale, averaged from the best level.

        It is read block by block, so memory is that of the thumbnail and no more.

        Args:
            um_per_pixel: Scale; the slide's own where that is coarser.

        Returns:
            RGB uint8, ``(height, width, 3)``; each axis spans the slide from edge to edge.

        Raises:
            DataError: If the file is damaged or cut off.
        """
        factor = max(1.0, um_per_pixel / self.um_per_pixel)
        level = self.level_for(um_per_pixel)
        width, height = (max(1, round(side / factor)) for side in self.size)
        found = np.empty((height, width, 3), np.uint8)
        side = max(1, int(BLOCK * self.downsamples[level] / factor))
        for rows, columns in _blocks(height, width, side):
            found[rows, columns] = self._averaged(level, rows, columns, found.shape)
        return found

    def _averaged(self, level: int, rows: slice, columns: slice, shape: tuple[int, ...]) -> Pixels:
        """A block of a smaller image of the slide, true to half a pixel of the level."""
        (left, right), (top, bottom) = (
            (round(block.start * whole / parts), round(block.stop * whole / parts))
            for block, whole, parts in zip(
                (columns, rows), self.level_sizes[level], shape[1::-1], strict=True
            )
        )
        x, y = (round(each * self.downsamples[level]) for each in (left, top))
        pixels = self.region(x, y, level, max(1, right - left), max(1, bottom - top))
        size = (columns.stop - columns.start, rows.stop - rows.start)
        return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)


def _blocks(rows: int, columns: int, side: int) -> Iterator[tuple[slice, slice]]:
    for top in range(0, rows, side):
        for left in range(0, columns, side):
            yield slice(top, min(top + side, rows)), slice(left, min(left + side, columns))


def is_scan(path: Path) -> bool:
    """Whether a file is a slide from a scanner or with several levels, by its content.

    A TIFF with tiles and one level may as well be any picture.
    """
    vendor = openslide.OpenSlide.detect_format(path) if path.is_file() else None
    if vendor != "generic-tiff":
        return vendor is not None
    try:
        with openslide.OpenSlide(path) as slide:
            return slide.level_count > 1
    except openslide.OpenSlideError:
        return False


def open_slide(
    path: Path, assumed_um_per_pixel: float | None = None, setting: str = ASSUMED
) -> Slide:
    """Open a whole slide with openslide, or a PNG or JPEG file as a small one.

    A process that is forked opens its slides anew.

    Args:
        path: SVS, TIFF, NDPI, MRXS, DICOM and whatever else openslide reads; PNG or JPEG.
        assumed_um_per_pixel: Scale of level 0 if the file does not say.
        setting: What messages say that a person sets it by.

    Raises:
        DataError: If the file is not there, is none of these, is damaged, has another scale across
            than down, or does not say its scale and none is assumed. Dots per inch of PNG and JPEG
            are about print, and say nothing.
    """
    name = path.name
    try:
        source = _open(path)
    except DataError as error:
        raise DataError(f"{name}: {error.message}") from error
    except PermissionError as error:
        raise DataError(f"{name}: permission denied") from error
    except (openslide.OpenSlideError, OSError, ValueError) as error:
        raise DataError(
            f"{name}: it cannot be opened ({_reason(error, path)}); copy it again if it is damaged"
        ) from error
    try:
        return Slide(path, source, _scale(name, source.said_um, assumed_um_per_pixel, setting))
    except DataError:
        source.close()
        raise


def _reason(error: BaseException, path: Path) -> str:
    """What openslide says, with no folder in it."""
    return reason(Exception(str(error).replace(str(path), path.name)))


def _open(path: Path) -> SlideSource:
    if path.is_dir():  # a DICOM slide: openslide finds its other files by any of them
        files = [file for file in path.iterdir() if file.suffix.lower() == ".dcm"]
        if not files:
            raise DataError("it is a folder without DICOM files (*.dcm)")
        path = max(files, key=lambda file: file.stat().st_size)
    if not path.is_file():
        raise DataError("there is no such file")
    vendor = openslide.OpenSlide.detect_format(path)
    if vendor is not None:
        return ScannedSlide(path, vendor)
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
        kind = next((kind for start, kind in SIGNATURES.items() if head.startswith(start)), "")
        if kind not in SMALL:
            raise DataError(
                "it is no slide that openslide reads (SVS, tiled TIFF, NDPI, MRXS, DICOM, ...), "
                "and no PNG or JPEG file; save a plain TIFF in tiles, and copy damaged files again"
            )
        return SmallSlide(head + file.read(), kind)


def _scale(
    name: str, said: tuple[float, float] | None, assumed: float | None, setting: str
) -> float:
    """Micrometres a pixel.

    Raises:
        DataError: As :func:`open_slide` does.
    """
    if said is not None and all(FINEST_UM <= step <= COARSEST_UM for step in said):
        if max(said) > MOST_STRETCHED * min(said):
            raise DataError(
                f"{name}: its pixels are not square ({said[0]:g} um across, {said[1]:g} um down)"
            )
        return sum(said) / 2
    if assumed is not None:
        return assumed
    hint = f"set {setting} to the scanner's (0.25 at 40x, 0.5 at 20x)"
    if said is not None:
        raise DataError(
            f"{name}: it says {said[0]:g} x {said[1]:g} um per pixel, which no scanner has; {hint}"
        )
    raise DataError(f"{name}: it does not say how many micrometres a pixel has; {hint}")
