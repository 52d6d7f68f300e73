"""Volumes of noise with a ball in each, as arrays that all loaders of patches read."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datamodules.cache_builder import CacheBuilder, CacheItem
from datamodules.cases import Source
from datamodules.transforms.volume_geometry import VolumeGeometry
from datamodules.volume import Volume
from datamodules.volume_cache import VolumeCache
from datamodules.volume_content import VolumeContent
from experiments.benchmarks.sizes import Sizes

OVERSAMPLED = 1 / 3
"""Share of the patches that are centred on the ball."""


class ArrayCase:
    """Memory maps of one case, and where its foreground is."""

    def __init__(self, stem: Path) -> None:
        self.paths = {name: f"{stem}_{name}.npy" for name in ("image", "mask")}
        self.image = np.load(self.paths["image"], mmap_mode="r")
        self.mask = np.load(self.paths["mask"], mmap_mode="r")
        self.locations = np.load(f"{stem}_locations.npy")

    def start(self, patch: Sequence[int], random: np.random.Generator) -> list[int]:
        """First voxel of a patch, about a foreground voxel or anywhere."""
        room = np.array(self.image.shape[1:]) - np.array(patch)
        if random.random() < OVERSAMPLED:
            centre = self.locations[random.integers(len(self.locations))]
            return [int(each) for each in np.clip(centre - np.array(patch) // 2, 0, room)]
        return [int(each) for each in random.integers(0, room + 1)]


def write_case(folder: Path, number: int, sizes: Sizes) -> ArrayCase:
    """Noise with a bright ball, the structure to be found."""
    random = np.random.default_rng(number)
    axes = np.ogrid[tuple(slice(size) for size in sizes.volume)]
    radius = min(sizes.volume) / 6
    centre = [random.uniform(radius, size - radius) for size in sizes.volume]
    i, j, k = ((x - c) ** 2 for x, c in zip(axes, centre, strict=True))
    ball = i + j + k < radius**2
    image = random.standard_normal(sizes.volume, dtype=np.float32) + 2 * ball
    stem = folder / f"case_{number}"
    np.save(f"{stem}_image.npy", image[None].astype(np.float32))
    np.save(f"{stem}_mask.npy", ball[None].astype(np.uint8))
    np.save(f"{stem}_locations.npy", np.argwhere(ball).astype(np.int32))
    return ArrayCase(stem)


@dataclass(frozen=True, eq=False)
class _Prepared:
    image: NDArray[np.float32]
    mask: NDArray[np.uint8]
    geometry: VolumeGeometry
    content_hash: bytes = bytes(16)


def cached(cases: Sequence[ArrayCase], folder: Path) -> VolumeCache:
    """The same arrays as a run keeps them."""

    def prepare(items: Sequence[CacheItem]) -> _Prepared:
        case = cases[int(items[0].case_id)]
        grid = Volume(np.empty(case.image.shape, np.uint8), np.eye(4))
        return _Prepared(np.array(case.image), np.array(case.mask), VolumeGeometry.of(grid))

    items = [[CacheItem(str(n), Source("volume"), folder)] for n in range(len(cases))]
    content = VolumeContent("volumes", items, prepare, 1, 0, lambda _: "")
    return CacheBuilder(folder / "entry", content, VolumeCache).build()
