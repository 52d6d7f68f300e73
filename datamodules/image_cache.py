"""Images of one size in the cache: decoded once, read from a map in every epoch."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from io import FileIO
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from datamodules.cache_builder import Advise, CacheItem, attempt, refuse_unreadable
from datamodules.cache_entries import HASHES, FinishedEntry
from datamodules.errors import DataError
from datamodules.parallel import map_in_order, shown

IMAGES, GEOMETRIES = "images.npy", "geometries.npy"
SPARE_BYTES_AN_ITEM = 200


class ImageCache(FinishedEntry):
    """Prepared images of one shape, with their geometries."""

    @cached_property
    def images(self) -> np.memmap[Any, np.dtype[Any]]:
        """Prepared images ``(N, H, W)``, mapped, read-only, in the order of the items."""
        images: np.memmap[Any, np.dtype[Any]] = np.load(
            self.path / IMAGES, mmap_mode="r", allow_pickle=False
        )
        return images

    def read(self, row: int) -> NDArray[Any]:
        """Copy one image from the file, without the map.

        Pages that a process has mapped count as its own memory, which in a worker would grow with
        the dataset; and where a map would end the process, a file cut short is an error.

        Raises:
            DataError: If the file is shorter than it was.
        """
        image = np.empty(self.images.shape[1:], self.images.dtype)
        offset = self.images.offset + row * image.nbytes
        if os.preadv(self._file.fileno(), [image.data], offset) < image.nbytes:
            raise DataError("the image cache was cut short while in use; start again to rebuild it")
        return image

    @cached_property
    def _file(self) -> FileIO:
        return (self.path / IMAGES).open("rb", buffering=0)

    @cached_property
    def geometries(self) -> NDArray[np.float64]:
        """The numbers of every image's geometry, ``(N, K)``; see :meth:`geometry`."""
        geometries: NDArray[np.float64] = np.load(self.path / GEOMETRIES, allow_pickle=False)
        return geometries

    def geometry(self, index: int) -> dict[str, float]:
        """Geometry of one image by name, for ``Geometry.from_dict``."""
        names = self.description["geometry"]
        return dict(zip(names, self.geometries[index].tolist(), strict=True))


class Geometric(Protocol):
    """A geometry that is plain numbers."""

    def to_dict(self) -> dict[str, Any]:
        """The numbers by name, always the same names."""


class Prepared(Protocol):
    """What preparing one item gives, such as a ``PreparedXray``."""

    @property
    def image(self) -> NDArray[Any]:
        """The image, of the entry's shape and dtype."""

    @property
    def geometry(self) -> Geometric:
        """Where its pixels lie in the original."""

    @property
    def content_hash(self) -> bytes:
        """Of the decoded original, 16 bytes."""


Prepare = Callable[[CacheItem], Prepared]


@dataclass(frozen=True, slots=True)
class ImageContent:
    """What the builder writes into an entry of images; ``build_or_open`` says what fields are."""

    dataset: str
    items: Sequence[CacheItem]
    prepare: Prepare
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    threads: int | None
    progress: bool
    advise: Advise

    @property
    def expected_bytes(self) -> int:
        """How large the entry will be, roughly."""
        an_item = int(np.prod(self.shape)) * self.dtype.itemsize + SPARE_BYTES_AN_ITEM
        return len(self.items) * an_item

    def write(self, folder: Path) -> dict[str, Any]:
        """Prepare every item, write the entry's files, and describe them.

        Raises:
            DataError: Lists every item that cannot be read.
        """
        count = len(self.items)
        hashes, geometries, faults = [], [], dict[CacheItem, str]()
        with (folder / IMAGES).open("wb") as file:
            header = {"shape": (count, *self.shape), "fortran_order": False}
            descr = np.lib.format.dtype_to_descr(self.dtype)
            np.lib.format.write_array_header_1_0(file, {**header, "descr": descr})
            results = map_in_order(attempt(self.prepare), self.items, self.threads)
            title = f"Preparing {self.dataset}"
            each = shown(results, title, count, progress=self.progress)
            for item, result in zip(self.items, each, strict=True):
                if isinstance(result, str):
                    faults[item] = result
                elif not faults:
                    file.write(self._checked(result.image))
                    hashes.append(np.frombuffer(result.content_hash, np.uint8))
                    geometries.append(result.geometry.to_dict())
            refuse_unreadable(faults, count, self.advise)
        np.save(folder / HASHES, np.stack(hashes))
        np.save(folder / GEOMETRIES, np.array([list(g.values()) for g in geometries], np.float64))
        return {
            "shape": [count, *self.shape],
            "dtype": self.dtype.name,
            "geometry": list(geometries[0]),
        }

    def _checked(self, image: NDArray[Any]) -> memoryview:
        if image.shape != self.shape or image.dtype != self.dtype:
            raise ValueError(f"prepared {image.dtype} {image.shape}, not {self.dtype} {self.shape}")
        return np.ascontiguousarray(image).data
