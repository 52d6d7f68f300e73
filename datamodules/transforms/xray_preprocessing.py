"""Deterministic preprocessing of films: grey range, square, size; and its inverse."""

from dataclasses import dataclass
from typing import TypeVar

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from datamodules.configs.xrays import XrayPreprocessing
from datamodules.transforms.xray_geometry import Geometry, resize, restore
from datamodules.transforms.xray_pixels import XrayPixels, check_finite, content_hash

__all__ = [
    "PREPROCESSING_VERSION",
    "Geometry",
    "PreparedXray",
    "PreprocessXray",
    "normalise",
    "restore",
]

PREPROCESSING_VERSION = 1
"""Raised whenever reading or preprocessing gives other pixels: part of the name of what is cached,
so that no cache of the version before is read."""
WHITE = 255
Images = TypeVar("Images", Tensor, NDArray[np.generic])

cv2.setNumThreads(1)  # films are prepared in parallel, each on one thread


@dataclass(frozen=True, eq=False, slots=True)
class PreparedXray:
    """A film as the network is to see it, but for normalisation.

    Attributes:
        image: uint8, shape ``(size, size)``.
        geometry: Where its pixels lie in the original.
        content_hash: Of the decoded original, for the leak check.
    """

    image: NDArray[np.uint8]
    geometry: Geometry
    content_hash: bytes


class PreprocessXray:
    """Scales the grey range of a film to 0..255 and makes it a square of the size asked for."""

    def __init__(self, config: XrayPreprocessing) -> None:
        self.config = config

    def __call__(self, data: XrayPixels) -> PreparedXray:
        """Prepare one film; calculated in float32, rounded once.

        Raises:
            DataError: If a pixel is NaN or infinite.
        """
        self.check(data)
        pixels = data.pixels
        geometry = Geometry.fit(pixels.shape, self.config.size, self.config.fit)
        grey = scale_grey(pixels[geometry.source], *self.grey_range(data))
        image = np.zeros((geometry.size, geometry.size), np.uint8)
        image[geometry.target] = np.rint(resize(grey, geometry.to_rows, geometry.to_columns))
        return PreparedXray(image, geometry, content_hash(pixels))

    def check(self, data: XrayPixels) -> None:
        """Refuse a film without a value for every pixel.

        Raises:
            DataError: If a pixel is NaN or infinite.
        """
        check_finite(data.pixels)

    def grey_range(self, data: XrayPixels) -> tuple[float, float]:
        """The grey values that become black and white."""
        if self.config.clip_percentiles == (0.0, 100.0):
            return data.low, data.high
        low, high = np.percentile(data.pixels, self.config.clip_percentiles)
        return float(low), float(high)


def scale_grey(pixels: NDArray[np.generic], low: float, high: float) -> NDArray[np.float32]:
    """Map ``low..high`` to 0..255 and clip; all 0 where the range is empty. Float32, same shape."""
    if not high > low:
        return np.zeros(pixels.shape, np.float32)
    grey = pixels.astype(np.float32)
    if (low, high) == (0, WHITE) and pixels.dtype == np.uint8:
        return grey
    grey -= np.float32(low)
    grey *= np.float32(WHITE / (high - low))
    return np.clip(grey, 0, WHITE, out=grey)


def normalise(
    images: Images, config: XrayPreprocessing, out: NDArray[np.float32] | None = None
) -> Images:
    """Turn grey values into the network's input: ``(value / 255 - mean) / std``.

    Args:
        images: Grey values in 0..255, any shape, uint8 or float.
        config: Names mean and standard deviation, both for grey values in 0..1.
        out: Where the result of an array goes; none: a new array.

    Returns:
        A float32 tensor or array of the same shape, on the same device.
    """
    scale, offset = 1 / (WHITE * config.std), -config.mean / config.std
    if isinstance(images, Tensor):
        return images.to(torch.float32, copy=True).mul_(scale).add_(offset)
    values: NDArray[np.float32] = np.multiply(images, np.float32(scale), out=out, dtype=np.float32)
    values += np.float32(offset)
    return values
