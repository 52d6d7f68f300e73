"""What is written into an entry of volumes: every case prepared once, in several threads."""

import json
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from datamodules.batches import inside
from datamodules.cache_builder import CacheBuilder, CacheItem, attempt, refuse_unreadable
from datamodules.cache_entries import HASHES, DamagedEntryError
from datamodules.errors import DataError
from datamodules.parallel import few_threads, map_in_order, shown
from datamodules.transforms.volume_geometry import VolumeGeometry
from datamodules.volume_cache import (
    COUNTS,
    GEOMETRIES,
    IMAGE,
    IMAGES,
    MASKS,
    PLACE,
    PLACES,
    SHAPES,
    VolumeCache,
)

MOST_PLACES = 10_000
"""Of a structure in a case; of more voxels, so many are drawn, always the same."""
AHEAD = 1
"""Volumes a thread that may be done and not yet written: they are large."""


class PreparedCase(Protocol):
    """What preparing one case gives."""

    @property
    def image(self) -> NDArray[Any]:
        """``(C, *spatial)``."""

    @property
    def mask(self) -> NDArray[np.uint8] | None:
        """``(M, *spatial)``, as in a ``MaskBatch``; None: there are no masks."""

    @property
    def geometry(self) -> VolumeGeometry:
        """Where its voxels lie in the original."""

    @property
    def content_hash(self) -> bytes:
        """Of the decoded original, 16 bytes."""


class UnreadableFileError(DataError):
    """One of a case's files cannot be read.

    Args:
        item: Which.
        reason: Why.
    """

    def __init__(self, item: CacheItem, reason: str) -> None:
        super().__init__(reason)
        self.item = item


@dataclass(frozen=True, slots=True)
class VolumeContent:
    """What the builder writes into an entry of volumes.

    Attributes:
        dataset: Its name.
        cases: Files of each case; the first is named where no single one is at fault.
        prepare: Reads and preprocesses one case; called from several threads; raises
            UnreadableFileError, or DataError, whose message is the reason only.
        structures: How many there are.
        expected_bytes: How large the entry will be, roughly.
        advise: What to do about files that cannot be read, given their paths.
        facts: What else describes the entry, known once every case is prepared.
    """

    dataset: str
    cases: Sequence[Sequence[CacheItem]]
    prepare: Callable[[Sequence[CacheItem]], PreparedCase]
    structures: int
    expected_bytes: int
    advise: Callable[[Sequence[str]], str]
    facts: Callable[[], dict[str, Any]] = dict

    def write(self, folder: Path) -> dict[str, Any]:
        """Prepare every case, write the entry's files, and describe them.

        Raises:
            DataError: Lists every file that cannot be read.
        """
        shapes, counts, hashes, geometries = [], [], [], []
        faults: dict[CacheItem, str] = {}
        channels = mask_channels = axes = 0
        work = map_in_order(attempt(self._prepare), self.cases, few_threads(), AHEAD)
        with (
            (folder / IMAGES).open("wb") as images,
            (folder / MASKS).open("wb") as masks,
            (folder / PLACES).open("wb") as places,
        ):
            each = shown(work, f"Preparing {self.dataset}", len(self.cases))
            for items, found in zip(self.cases, each, strict=True):
                if isinstance(found, (str, UnreadableFileError)):
                    at = found.item if isinstance(found, UnreadableFileError) else items[0]
                    faults[at] = str(found)
                elif not faults:
                    channels = channels or len(found.image)
                    axes = axes or found.image.ndim - 1
                    if (len(found.image), found.image.ndim - 1) != (channels, axes):
                        faults[items[0]] = _unlike(found.image, channels, axes)
                        continue
                    mask_channels = len(found.mask)
                    images.write(found.image.data)
                    masks.write(found.mask.data)
                    places.writelines(own.data for own in found.places)
                    shapes.append(found.image.shape[1:])
                    counts.append([len(own) for own in found.places])
                    hashes.append(np.frombuffer(found.content_hash, np.uint8))
                    geometries.append(found.geometry.to_dict())
            refuse_unreadable(faults, len(self.cases), self.advise)
        np.save(folder / SHAPES, np.array(shapes, np.int64))
        np.save(folder / COUNTS, np.array(counts, np.int64).reshape(len(shapes), self.structures))
        np.save(folder / HASHES, np.stack(hashes))
        (folder / GEOMETRIES).write_text(json.dumps(geometries))
        return {
            "shape": [len(shapes)],
            "dtype": IMAGE.name,
            "channels": channels,
            "mask_channels": mask_channels,
            **self.facts(),
        }

    def _prepare(self, items: Sequence[CacheItem]) -> "_Stored | UnreadableFileError":
        try:
            prepared = self.prepare(items)
        except UnreadableFileError as error:
            return error
        seed = zlib.crc32(items[0].case_id.encode())
        mask = mask_of(prepared)
        return _Stored(
            as_stored(prepared.image),
            np.ascontiguousarray(mask),
            places_of(mask, self.structures, seed),
            prepared.geometry,
            prepared.content_hash,
        )


def build_or_open_volumes(path: Path, content: Callable[[], VolumeContent]) -> VolumeCache:
    """Open an entry, or build it if it is not there.

    Args:
        path: Of the entry.
        content: What is written into it; asked for only then.

    Raises:
        DataError: Lists every file that cannot be read.
        ConfigError: If the cache cannot be written, or has not the space.
    """
    try:
        return VolumeCache.open(path)
    except DamagedEntryError:
        return CacheBuilder(path, content(), VolumeCache).build()


@dataclass(frozen=True, slots=True)
class _Stored:
    image: NDArray[np.float16]
    mask: NDArray[np.uint8]
    places: list[NDArray[np.int32]]
    geometry: VolumeGeometry
    content_hash: bytes


def mask_of(case: PreparedCase) -> NDArray[np.uint8]:
    """Its mask ``(M, *spatial)``; without channels where there is none."""
    if case.mask is None:
        return np.empty((0, *case.image.shape[1:]), np.uint8)
    return case.mask


def places_of(mask: NDArray[np.uint8], structures: int, seed: int) -> list[NDArray[np.int32]]:
    """Voxels of each structure, at most :data:`MOST_PLACES`, int32 ``(n, 2 or 3)`` each."""
    generator = np.random.default_rng(seed)
    found = []
    for structure in range(structures):
        within = inside(mask, structure)
        voxels = np.flatnonzero(within)
        if len(voxels) > MOST_PLACES:
            voxels = np.sort(generator.choice(voxels, MOST_PLACES, replace=False))
        found.append(np.stack(np.unravel_index(voxels, within.shape), axis=1).astype(PLACE))
    return found


def as_stored(image: NDArray[Any]) -> NDArray[np.float16]:
    """Values as an entry keeps them.

    Raises:
        DataError: If one is too large.
    """
    with np.errstate(over="ignore"):
        stored = np.ascontiguousarray(image, IMAGE)
    if not np.isfinite(stored).all():
        raise DataError(
            f"after normalisation its values reach {np.abs(image).max():.3g}, too large to store;"
            " clip intensities (--data.preprocessing.normalisation.kind ct)"
        )
    return stored


def _unlike(image: NDArray[Any], channels: int, axes: int) -> str:
    return (
        f"it has {image.ndim - 1} axes and {len(image)} channels, and the first case has {axes} and"
        f" {channels}"
    )
