"""Writes slides in pyramidal TIFFs, with a texture that blur takes away."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import tifffile

GLASS = 243
PINK, VIOLET = (214, 130, 178), (110, 60, 140)


def stained(width: int = 1500, height: int = 1100, seed: int = 0) -> np.ndarray:
    """Glass with an ellipse of pink tissue in its middle, strewn with violet nuclei of 8 um."""
    rng = np.random.default_rng(seed)
    image = np.full((height, width, 3), GLASS, np.uint8)
    middle, axes = (width // 2, height // 2), (width // 3, height // 3)
    cv2.ellipse(image, middle, axes, 0, 0, 360, PINK, -1)
    tissue = image[..., 1] == PINK[1]
    nuclei = np.zeros_like(image)
    for x, y in rng.integers(0, (width, height), (width * height // 800, 2)).tolist():
        cv2.circle(nuclei, (x, y), 8, (1, 1, 1), -1)
    image[tissue & (nuclei[..., 0] > 0)] = VIOLET
    noise = rng.normal(0, 2, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8)


def write_tiff(
    path: Path,
    image: np.ndarray,
    um_per_pixel: float | tuple[float, float] | None = 0.5,
    reductions: tuple[int, ...] = (),
    **options: Any,
) -> Path:
    """A tiled TIFF as openslide reads it: the image and smaller ones, one page each."""
    scale = um_per_pixel if isinstance(um_per_pixel, tuple) else (um_per_pixel,) * 2
    options = {"tile": (256, 256), "compression": "jpeg", "photometric": "rgb", **options}
    if um_per_pixel is not None:
        options |= {"resolution": tuple(1e4 / each for each in scale), "resolutionunit": 3}
    with tifffile.TiffWriter(path) as file:
        file.write(image, metadata=None, **options)
        for factor in reductions:
            size = image.shape[1] // factor, image.shape[0] // factor
            smaller = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
            file.write(smaller, metadata=None, subfiletype=1, **options)
    return path
