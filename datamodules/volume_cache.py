"""Preprocessed volumes of any shape in the cache: windows are read from a memory map.

An entry holds all images end to end, all masks end to end, and for each structure of each case some
places where it is, so that a patch can be centred on it without a look at the mask.
"""

import json
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from datamodules.cache_entries import FinishedEntry
from datamodules.transforms.volume_geometry import VolumeGeometry

IMAGES, MASKS, PLACES = "images.bin", "masks.bin", "places.bin"
SHAPES, COUNTS, GEOMETRIES = "shapes.npy", "counts.npy", "geometries.json"
IMAGE, MASK, PLACE = np.dtype(np.float16), np.dtype(np.uint8), np.dtype(np.int32)


class VolumeCache(FinishedEntry):
    """Preprocessed images and masks of cases, each of a shape of its own."""

    @cached_property
    def shapes(self) -> NDArray[np.int64]:
        """Spatial shape of every case, ``(N, 2 or 3)``."""
        shapes: NDArray[np.int64] = np.load(self.path / SHAPES, allow_pickle=False)
        return shapes

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """Places that are kept of every case and structure, ``(N, L)``."""
        counts: NDArray[np.int64] = np.load(self.path / COUNTS, allow_pickle=False)
        return counts

    @cached_property
    def _first_voxels(self) -> NDArray[np.int64]:
        return np.concatenate([[0], np.cumsum(self.shapes.prod(1))])

    @cached_property
    def _first_places(self) -> NDArray[np.int64]:
        return np.concatenate([[0], np.cumsum(self.counts.ravel())])

    def image(self, row: int) -> NDArray[np.float16]:
        """The image of a case, ``(C, *spatial)``, mapped anew.

        Pages that a process has mapped count as its own memory, which in a worker would grow with
        the dataset: let go of it when the part that is wanted is copied.
        """
        return self._mapped(IMAGES, IMAGE, row, self.description["channels"])

    def mask(self, row: int) -> NDArray[np.uint8]:
        """The mask of a case, ``(M, *spatial)``, mapped anew."""
        return self._mapped(MASKS, MASK, row, self.description["mask_channels"])

    def _mapped(self, name: str, dtype: DTypeLike, row: int, channels: int) -> NDArray[Any]:
        offset = int(self._first_voxels[row]) * channels * np.dtype(dtype).itemsize
        shape = (channels, *self.shapes[row].tolist())
        if channels == 0:  # volumes without masks
            return np.empty(shape, dtype)
        return np.memmap(self.path / name, dtype, "r", offset, shape)

    def places(self, row: int, structure: int) -> NDArray[np.int32]:
        """Voxels of a structure in a case, some of them, ``(n, 2 or 3)``."""
        at = row * self.counts.shape[1] + structure
        first, axes = int(self._first_places[at]), self.shapes.shape[1]
        count = int(self._first_places[at + 1]) - first
        if count == 0:
            return np.empty((0, axes), PLACE)
        offset = first * axes * PLACE.itemsize
        return np.memmap(self.path / PLACES, PLACE, "r", offset, (count, axes))

    @cached_property
    def _geometries(self) -> list[dict[str, Any]]:
        values: list[dict[str, Any]] = json.loads((self.path / GEOMETRIES).read_text())
        return values

    def geometry(self, row: int) -> VolumeGeometry:
        """How a case was made from its files."""
        return VolumeGeometry.from_dict(self._geometries[row])
