"""Grad-CAM over the original image, in its own geometry."""

import os
from pathlib import Path

import cv2
import numpy as np
from matplotlib import colormaps
from numpy.typing import NDArray
from PIL import Image

from datamodules.transforms.xray_geometry import Geometry, restore
from datamodules.transforms.xray_preprocessing import scale_grey
from datamodules.transforms.xray_reading import read_xray

STRENGTH = 0.5


def write_overlay(
    path: Path, film: Path, evidence: NDArray[np.float32], geometry: Geometry
) -> None:
    """Draw a map of evidence over a film and write it as PNG, whole or not at all.

    Args:
        path: The PNG to write.
        film: The original file.
        evidence: float32 ``(size, size)`` in 0..1, over the prepared film.
        geometry: How the film was prepared.
    """
    pixels = read_xray(film)
    grey = scale_grey(pixels.pixels, pixels.low, pixels.high).astype(np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    Image.fromarray(blend(grey, restore(evidence, geometry))).save(temporary, format="PNG")
    temporary.replace(path)


def blend(grey: NDArray[np.uint8], evidence: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Colour a grey image ``(H, W)`` where there is evidence; RGB uint8 ``(H, W, 3)``."""
    colours = colormaps["inferno"](evidence)[..., :3].astype(np.float32) * 255
    share = (STRENGTH * np.clip(evidence * 1.5, 0, 1))[..., None].astype(np.float32)
    base = cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB).astype(np.float32)
    blended: NDArray[np.uint8] = np.rint(base * (1 - share) + colours * share).astype(np.uint8)
    return blended
