"""Compressed voxels, inflated to their declared length and verified to the end of the stream."""

import os
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datamodules.errors import DataError

GZIP, ZLIB = 31, 15
"""Window bits that tell zlib which of the two wrappers to expect, and which checksum to verify."""
GZIP_HEAD = b"\x1f\x8b"
MOST_BEYOND = 2**20
CHUNK = 2**20


def peek(content: bytes, length: int) -> bytes:
    """The first bytes of a file's content, inflated where it is gzip; fewer where it is cut off."""
    if not content.startswith(GZIP_HEAD):
        return content[:length]
    try:
        return zlib.decompressobj(GZIP).decompress(content[: length + CHUNK], length)
    except zlib.error as error:
        raise DataError(f"its gzip stream is damaged ({error})") from None


def inflate(content: bytes, length: int, wrapper: int = GZIP) -> bytes:
    """Inflate a gzip or zlib stream, verifying its checksum; nibabel and ITK read past a wrong one.

    Args:
        content: The whole stream; nothing follows it.
        length: Bytes that the header declares, which must be there; up to a MiB more is dropped.
        wrapper: ``GZIP`` or ``ZLIB``.

    Raises:
        DataError: If the stream is cut off, damaged, shorter than declared, or far longer.
    """
    check_memory(length)
    if (inflated := _inflate_at_once(content, length, wrapper)) is not None:
        return inflated
    pieces: list[bytes] = []
    found, rest = 0, content
    try:
        while rest or not pieces:  # a gzip file may be several streams, one after the other
            stream = zlib.decompressobj(wrapper)
            while not stream.eof:
                piece = stream.decompress(rest, length + MOST_BEYOND + 1 - found)
                found += len(piece)
                if found > length + MOST_BEYOND:
                    raise DataError("it inflates to far more than its header declares")
                if not piece and not stream.unconsumed_tail and not stream.eof:
                    raise DataError("its compressed stream is cut off")
                pieces.append(piece)
                rest = stream.unconsumed_tail
            rest = stream.unused_data.lstrip(b"\0")
    except zlib.error as error:
        raise DataError(f"its compressed stream is damaged ({error})") from None
    if found < length:
        raise DataError(f"it has {found} bytes where its header declares {length}")
    return b"".join(pieces)[:length]


def _inflate_at_once(content: bytes, length: int, wrapper: int) -> bytes | None:
    """As libdeflate does it, at twice the speed; None where it cannot say exactly what is wrong."""
    import imagecodecs

    decode = imagecodecs.gzip_decode if wrapper == GZIP else imagecodecs.zlib_decode
    try:
        inflated = bytes(decode(content, out=length))
    except Exception:  # the stream is read again by zlib, whose errors say more
        return None
    return inflated if len(inflated) == length else None


def check_memory(length: int) -> None:
    """Refuse what would not fit in memory.

    Raises:
        DataError: If as many bytes are more than this machine has.
    """
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if length > memory:
        raise DataError(
            f"its header declares {length / 1e9:.0f} GB, and this machine has "
            f"{memory / 1e9:.0f} GB of memory"
        )


def check_shape(shape: tuple[int, ...]) -> None:
    """Refuse a shape without voxels.

    Raises:
        DataError: If a size is not positive.
    """
    if not shape or min(shape) < 1:
        raise DataError(f"its header declares a shape of {describe(shape)} voxels")


def describe(shape: tuple[int, ...]) -> str:
    """A shape as people write it."""
    return " x ".join(map(str, shape))


def voxels(content: bytes, dtype: np.dtype[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """Voxels stored with the first index the fastest, in this machine's byte order.

    Raises:
        DataError: If there are too few bytes.
    """
    count = int(np.prod(shape, dtype=np.int64))
    if len(content) < count * dtype.itemsize:
        raise DataError(
            f"it has {len(content)} bytes of voxels where its header declares "
            f"{count * dtype.itemsize}"
        )
    array = np.frombuffer(content, dtype, count).reshape(shape, order="F")
    return array.astype(dtype.newbyteorder("="), copy=False)
