"""Draws films for the benchmarks: 16-bit PNG files in one folder a class."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from datamodules.errors import ConfigError

CLASSES = ("normal", "abnormal")
VALIDATION_FILMS = 4
STEPS_A_LEVEL = 16
"""Detectors give 12 bits, and files of 16 bits hold them scaled."""


def write_films(root: Path, count: int, pixels: int) -> None:
    """Write ``root/{train,val}/{normal,abnormal}/*.png``, all different.

    Soft shapes with the noise of a detector: neither the smooth gradient that decodes in no time,
    nor the white noise that no PNG compresses.

    Args:
        root: Folder, made if it is not there.
        count: Training films; a few for validation are added.
        pixels: Height and width.

    Raises:
        ConfigError: If a file cannot be written.
    """
    noise = np.random.default_rng(0).normal(0, 8, (pixels, pixels)).astype(np.float32)

    def write(number: int) -> None:
        split = "train" if number < count else "val"
        path = root / split / CLASSES[number % 2] / f"{number:05d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        compression = [cv2.IMWRITE_PNG_COMPRESSION, 3]
        if not cv2.imwrite(str(path), _film(number, noise), compression):
            raise ConfigError(f"cannot write {path}; set TMPDIR to a folder with more space")

    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as threads:
        for _ in threads.map(write, range(count + VALIDATION_FILMS)):
            pass


def _film(number: int, noise: NDArray[np.float32]) -> NDArray[np.uint16]:
    rng = np.random.default_rng(number + 1)
    shapes = rng.uniform(400, 3600, (12, 12)).astype(np.float32)
    size = noise.shape[::-1]
    film: NDArray[np.float32] = np.asarray(
        cv2.resize(shapes, size, interpolation=cv2.INTER_CUBIC), np.float32
    )
    film += np.roll(noise, rng.integers(0, noise.shape[0], 2).tolist(), (0, 1))
    levels = np.clip(film, 0, 4095).astype(np.uint16)
    return np.asarray(levels * STEPS_A_LEVEL, np.uint16)
