"""Writes a slide for the benchmarks: a pyramidal TIFF with JPEG tiles, of any size."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from tifffile import TiffWriter

TILE = 256
UM_PER_PIXEL = 0.5
REDUCTIONS = (1, 4, 16)
QUALITY = 80
"""With the noise, tiles of tissue have some 15 kB, as those of scanners do."""
GLASS, PINK, VIOLET = (244, 243, 245), (214, 130, 178), (110, 60, 140)
TEXTURE, NOISE = 2048, 3
RADIUS = 0.4
"""Of the disk of tissue, as a share of the slide's side: half of the slide."""


def write_slide(path: Path, pixels: int) -> Path:
    """A disk of tissue strewn with nuclei, at 0.5 um per pixel; tile by tile, whatever its size."""
    texture = _texture()
    with TiffWriter(path, bigtiff=True) as file:
        for reduction in REDUCTIONS:
            side, size = pixels // reduction, TEXTURE // reduction
            smaller = cv2.resize(texture, (size, size), interpolation=cv2.INTER_AREA)
            file.write(
                _tiles(side, np.asarray(smaller, np.uint8)),
                shape=(side, side, 3),
                dtype=np.uint8,
                tile=(TILE, TILE),
                compression="jpeg",
                compressionargs={"level": QUALITY},
                photometric="rgb",
                subfiletype=int(reduction > 1),
                resolution=(1e4 / UM_PER_PIXEL / reduction,) * 2,
                resolutionunit="CENTIMETER",
                metadata=None,
            )
    return path


def _texture() -> NDArray[np.uint8]:
    """Stroma with nuclei of 8 um and the noise of a camera."""
    random = np.random.default_rng(0)
    image = np.full((TEXTURE, TEXTURE, 3), PINK, np.uint8)
    for x, y in random.integers(0, TEXTURE, (6000, 2)).tolist():
        cv2.circle(image, (x, y), 8, VIOLET, -1)
    noise = NOISE * random.standard_normal(image.shape, np.float32)
    return np.asarray(np.clip(image + noise, 0, 255), np.uint8)


def _tiles(side: int, texture: NDArray[np.uint8]) -> Iterator[NDArray[np.uint8]]:
    glass = np.array(GLASS, np.uint8)
    for top in range(0, side, TILE):
        for left in range(0, side, TILE):
            rows, columns = np.arange(top, top + TILE), np.arange(left, left + TILE)
            tissue = texture[np.ix_(rows % len(texture), columns % len(texture))]
            apart = (rows[:, None] - side / 2) ** 2 + (columns[None] - side / 2) ** 2
            yield np.where((apart < (RADIUS * side) ** 2)[..., None], tissue, glass)
