"""TIFF files: one page is an image, several are a volume."""

import logging
import math
import re
import struct
from io import BytesIO
from typing import Any
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray
from tifffile import TiffFile

from datamodules.errors import DataError
from datamodules.transforms.volume_raster import read_image
from datamodules.transforms.volume_streams import check_memory, describe
from datamodules.transforms.xray_pixels import reason
from datamodules.transforms.xray_raster import WHITE_IS_ZERO
from datamodules.volume import Volume

logging.getLogger("tifffile").setLevel(logging.CRITICAL)  # damage is told as an error, once

MILLIMETRES = {"nm": 1e-6, "um": 1e-3, "micron": 1e-3, "mm": 1.0, "cm": 10.0, "inch": 25.4}
"""Of the units that ImageJ and OME write."""
MICROMETRE = ("\u00b5m", "\u03bcm", "microns", "micrometer")
ESCAPED = re.compile(r"\\u([0-9A-Fa-f]{4})")
"""ImageJ writes what is not ASCII by its number."""
SLICES = "ZIQ"
"""Axes that are slices: said to be, or pages of which nothing is said."""
PLANE = "YX"
SAMPLES = "S"
TURNED = 274
"""The tag of the orientation."""
SAYING_WHAT_IT_IS = {270, 282, 283}
"""Tags of metadata and resolution."""


def read_tiff(content: bytes, labels: bool = False) -> Volume:
    """Decode a TIFF file: one page as :func:`read_image` does, a grey stack as a volume.

    Each page is a slice. A volume has the axes that a NIfTI of it would have: columns, rows, pages,
    at ``(-x, -y, z)`` of RAS+. The spacing is what ImageJ's or OME's metadata say, else there is
    none: dots per inch are about print. Pages that the metadata call channels are channels; points
    in time are refused. Values are as stored: a palette (a lookup table of ImageJ) only paints
    them; bright and dark are turned round where 0 is declared white.

    Args:
        content: The whole file.
        labels: As for :func:`read_image`.

    Returns:
        ``(C, columns, rows, pages)``, or of a single page ``(C, rows, columns)``.

    Raises:
        DataError: If the file is damaged or cut off, pages differ in size or in kind, or they are
            colours.
    """
    try:
        with TiffFile(BytesIO(content), _multifile=False) as file:
            _check_chain(file)
            if _planes(file) > 1:
                return _read_stack(file, len(content))
    except (DataError, MemoryError):
        raise
    except Exception as error:  # damaged files make tifffile raise nearly every built-in exception
        raise DataError(f"the TIFF file is damaged: {reason(error)}") from None
    return read_image(content, "TIFF", labels)


def _planes(file: TiffFile) -> int:
    """Grey or coloured pictures in the file; ImageJ may keep many of them in one page."""
    if len(file.pages) > 1 or not file.series:
        return len(file.pages)
    sizes = zip(file.series[0].axes, file.series[0].shape, strict=True)
    return math.prod(size for axis, size in sizes if axis not in PLANE + SAMPLES)


def _read_stack(file: TiffFile, length: int) -> Volume:
    _check_pages(file, length)
    array, axes = _pixels(file)
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    if array.dtype.kind == "b":
        array = array.astype(np.uint8) * np.uint8(255)
    if file.pages.first.photometric == WHITE_IS_ZERO:
        array = np.iinfo(array.dtype).max - array
    array = _channels_first(array, axes)
    if array.ndim == 3:
        return Volume(np.ascontiguousarray(array), np.eye(4), has_spacing=False)
    spacing = _spacing(file)
    x, y, z = spacing or (1.0, 1.0, 1.0)
    array = np.ascontiguousarray(array.transpose(0, 3, 2, 1))
    return Volume(array, np.diag((-x, -y, z, 1.0)), spacing is not None)


def _check_chain(file: TiffFile) -> None:
    """Look whether the chain of pages comes to its end: the last one names none after it."""
    size = file.tiff.offsetsize
    file.filehandle.seek(file.pages.next_page_offset or 0)
    if not len(file.pages) or file.filehandle.read(size) != bytes(size):
        raise DataError(f"the TIFF file is cut off after page {len(file.pages)}")


def _check_pages(file: TiffFile, length: int) -> None:
    """Look whether all pages are of one size and kind, and the file holds their pixels."""
    shapes = list(dict.fromkeys(page.shape[:2] for page in file.pages))
    if len(shapes) > 1:
        sizes = " and ".join(describe(shape) for shape in shapes[:2])
        raise DataError(f"its pages differ in size ({sizes}); slices of a volume have one size")
    if len({(page.dtype, page.aspage().photometric) for page in file.pages}) > 1:
        raise DataError(f"its {len(file.pages)} pages are of different kinds; save slices alike")
    if (turned := file.pages.first.tags.valueof(TURNED, 1)) != 1:
        raise DataError(f"its pages are turned (orientation {turned}); save them upright")
    first = file.pages.first
    if any(code not in first.tags for code in _declared_tags(file) & SAYING_WHAT_IT_IS):
        raise DataError("the TIFF file is cut off: its metadata are missing")
    for number, page in enumerate(file.pages, start=1):
        ends = map(sum, zip(page.dataoffsets, page.databytecounts, strict=True))
        if max(ends, default=0) > length or 0 in page.databytecounts:
            raise DataError(f"the TIFF file is cut off: pixels of page {number} are missing")


def _declared_tags(file: TiffFile) -> set[int]:
    """Of the first page; tifffile leaves out those whose values are not there."""
    tiff, handle = file.tiff, file.filehandle
    handle.seek(file.pages.first.offset)
    (count,) = struct.unpack(tiff.tagnoformat, handle.read(tiff.tagnosize))
    entries = handle.read(count * tiff.tagsize)
    starts = range(0, len(entries), tiff.tagsize)
    return {struct.unpack_from(f"{tiff.byteorder}H", entries, at)[0] for at in starts}


def _pixels(file: TiffFile) -> tuple[NDArray[Any], str]:
    """All pages as one array, and its axes."""
    series, *others = file.series
    if file.is_ome and (series.kind != "ome" or others or None in list(series)):
        raise DataError("its OME metadata speak of several images or files; save it as one stack")
    check_memory(sum(each.nbytes for each in file.series))
    if not others:
        return np.asarray(series.asarray(maxworkers=1)), series.axes
    # written one by one: tifffile takes each page for an image of its own
    pages = [page.asarray() for page in file.pages]
    return np.stack(pages), "I" + file.pages.first.axes


def _channels_first(array: NDArray[Any], axes: str) -> NDArray[Any]:
    """``(C, pages, rows, columns)``, or ``(C, rows, columns)`` where pages are channels.

    Raises:
        DataError: If there are other axes than these.
    """
    keep = [size > 1 or axis in PLANE for axis, size in zip(axes, array.shape, strict=True)]
    array = array.reshape([size for size, kept in zip(array.shape, keep, strict=True) if kept])
    axes = "".join(axis for axis, kept in zip(axes, keep, strict=True) if kept)
    if SAMPLES in axes:
        raise DataError("its pages are colours; a stack of slices is read where they are grey")
    if "T" in axes:
        count = array.shape[axes.index("T")]
        raise DataError(f"it has {count} points in time; save each as a file of its own")
    axes = axes.translate(dict.fromkeys(map(ord, SLICES), "Z"))
    if sorted(axes) not in (sorted("ZYX"), sorted("CZYX"), sorted("CYX")):
        raise DataError(f"its axes are {axes}; a stack has slices (Z), rows (Y) and columns (X)")
    order = [axes.index(axis) for axis in "CZYX" if axis in axes]
    array = array.transpose(order)
    return array if "C" in axes else array[None]


def _spacing(file: TiffFile) -> tuple[float, float, float] | None:
    """Of columns, rows and slices in mm; None: it is not known."""
    found = _ome_spacing(file.ome_metadata) if file.is_ome else _imagej_spacing(file)
    return found if found is not None and all(0 < step < math.inf for step in found) else None


def _ome_spacing(text: str | None) -> tuple[float, float, float] | None:
    pixels = ElementTree.fromstring(text or "").find(".//{*}Pixels")
    values = {} if pixels is None else pixels.attrib
    steps = []
    for axis in "XYZ":
        unit = _millimetres(values.get(f"PhysicalSize{axis}Unit", "um"))
        if unit is None or (size := values.get(f"PhysicalSize{axis}")) is None:
            return None
        steps.append(float(size) * unit)
    return (steps[0], steps[1], steps[2])


def _imagej_spacing(file: TiffFile) -> tuple[float, float, float] | None:
    metadata = file.imagej_metadata or {}
    unit = _millimetres(str(metadata.get("unit", "")))
    if unit is None:
        return None
    across, down = file.pages.first.get_resolution()  # pixels a unit
    depth = float(metadata.get("spacing", 1.0))  # ImageJ leaves out a 1
    return unit / across, unit / down, depth * unit


def _millimetres(unit: str) -> float | None:
    unit = ESCAPED.sub(lambda match: chr(int(match[1], 16)), unit)
    return MILLIMETRES.get("um" if unit in MICROMETRE else unit)
