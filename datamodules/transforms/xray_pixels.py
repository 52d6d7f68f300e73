"""The pixels of one film as its file declares them, and what every file format shares."""

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from datamodules.errors import DataError

MAX_PIXELS = 200_000_000
"""A larger declared size is refused before anything is decoded (a decompression bomb)."""
HASH_BYTES = 16


@dataclass(frozen=True, eq=False, slots=True)
class XrayPixels:
    """A decoded film.

    Attributes:
        pixels: Grey values, bright = dense, shape ``(H, W)``, uint8, uint16 or float32.
        low: Grey value that the file declares as black.
        high: Grey value that the file declares as white.
        bits: Bits a pixel that the file stores.
        spacing_mm: Distance of neighbouring ``(rows, columns)``, or None when not known.
    """

    pixels: NDArray[Any]
    low: float
    high: float
    bits: int
    spacing_mm: tuple[float, float] | None = None


def check_size(rows: int, columns: int) -> None:
    """Refuse an image by the size that its header declares.

    Raises:
        DataError: If there is no pixel, or more than ``MAX_PIXELS``.
    """
    if rows < 1 or columns < 1:
        raise DataError(f"its header declares {columns} x {rows} pixels")
    if rows * columns > MAX_PIXELS:
        limit = MAX_PIXELS // 1_000_000
        raise DataError(
            f"its header declares {columns} x {rows} pixels, more than {limit} million are refused"
        )


def check_finite(pixels: NDArray[Any]) -> None:
    """Refuse an image with NaN or infinite grey values.

    Raises:
        DataError: If there are any.
    """
    if pixels.dtype.kind == "f" and (bad := pixels.size - int(np.isfinite(pixels).sum())):
        raise DataError(f"{bad} pixels are NaN or infinite")


def luma(colours: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Grey values (ITU-R 601-2) of RGB ``(H, W, 3)``, as ``(H, W)``; exact where R = G = B."""
    return np.asarray(Image.fromarray(np.ascontiguousarray(colours)).convert("L"))


def content_hash(pixels: NDArray[Any]) -> bytes:
    """BLAKE2b-128 of shape, dtype and values: equal for identical films, whatever their files."""
    digest = hashlib.blake2b(f"{pixels.shape}{pixels.dtype}".encode(), digest_size=HASH_BYTES)
    digest.update(np.ascontiguousarray(pixels).data)
    return digest.digest()


def reason(error: BaseException) -> str:
    """What a library's exception says, on one line."""
    return " ".join(str(error).split())[:200] or type(error).__name__
