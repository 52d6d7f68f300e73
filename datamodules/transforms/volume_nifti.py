"""NIfTI-1 and NIfTI-2 files, compressed or not."""

import logging
from io import BytesIO
from typing import Any

import numpy as np
from nibabel import Nifti1Header, Nifti2Header
from numpy.typing import NDArray

from datamodules.errors import DataError
from datamodules.transforms.volume_streams import (
    GZIP_HEAD,
    check_memory,
    check_shape,
    describe,
    inflate,
    peek,
    voxels,
)
from datamodules.transforms.xray_pixels import reason
from datamodules.volume import Volume

HEADERS: dict[bytes, type[Nifti1Header]] = {b"n+1\0": Nifti1Header, b"n+2\0": Nifti2Header}
MAGIC_AT = {b"n+1\0": 344, b"n+2\0": 4}
HEADER_BYTES = 540
QUIET = logging.Logger("nifti", logging.CRITICAL)
"""What nibabel mends in a header it would print on the console."""


def is_nifti(head: bytes) -> bool:
    """Whether a file begins as a NIfTI of one file does."""
    return _magic(head) is not None


def read_nifti(content: bytes) -> Volume:
    """Decode a NIfTI file; a compressed one is verified to the end of its stream.

    The affine is the sform, else the qform, else the spacing alone. Scale and offset are applied,
    in float32. A fourth axis has the channels (a fifth too, where the fourth is 1 long).

    Args:
        content: The whole file.

    Raises:
        DataError: If it is damaged, or its voxels are of a kind that is not read.
    """
    head = peek(content, HEADER_BYTES)
    magic = _magic(head)
    if magic is None:
        raise DataError("it is gzip, but no NIfTI file is inside")
    header = _header(head, HEADERS[magic])
    shape, dtype = tuple(header.get_data_shape()), header.get_data_dtype()
    check_shape(shape)
    length = int(np.prod(shape, dtype=object)) * dtype.itemsize
    offset = int(header.get_data_offset())
    check_memory(length + offset)
    whole = inflate(content, offset + length) if content.startswith(GZIP_HEAD) else content
    array = _channels_first(voxels(whole[offset:], dtype, shape))
    return Volume(_scale(array, header), np.asarray(header.get_best_affine(), np.float64))


def _magic(head: bytes) -> bytes | None:
    for magic, at in MAGIC_AT.items():
        if head[at : at + 4] == magic:
            return magic
    return None


def _header(head: bytes, kind: type[Nifti1Header]) -> Nifti1Header:
    try:
        header: Nifti1Header = kind.from_fileobj(BytesIO(head), check=False)
        header.check_fix(logger=QUIET)
        return header
    except Exception as error:  # damaged headers raise nearly every built-in exception
        raise DataError(f"its NIfTI header is damaged: {reason(error)}") from None


def _channels_first(array: NDArray[Any]) -> NDArray[Any]:
    if array.dtype.names:  # RGB24 and RGBA32
        array = np.stack([array[name] for name in array.dtype.names[:3]], axis=-1)
    if array.ndim == 5 and array.shape[3] == 1:
        array = array[:, :, :, 0]
    if array.ndim not in (2, 3, 4):
        raise DataError(f"it has {array.ndim} axes ({describe(array.shape)}); 2 to 4 are read")
    return np.moveaxis(array, 3, 0) if array.ndim == 4 else array[None]


def _scale(array: NDArray[Any], header: Nifti1Header) -> NDArray[Any]:
    slope, offset = header.get_slope_inter()
    if slope is None or (slope, offset) == (1, 0):
        return array
    scaled = array.astype(np.float32)
    scaled *= np.float32(slope)
    scaled += np.float32(offset)
    return scaled
