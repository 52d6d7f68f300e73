"""Private memory of the workers that load patches, and whether it grows with the dataset.

A process of its own lays out a cache entry of so many volumes whose voxels are all 0, in sparse
files (10,000 volumes then need no disk, and are read as any others), and draws batches from the
loader of the benchmark ``loader``.

Usage: ``python -m experiments.benchmarks.volume_worker_memory FOLDER CASES SIDES PATCH PATCHES``,
three numbers each for the sides of the volumes and of the patch.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from datamodules.transforms.volume_geometry import VolumeGeometry
from datamodules.volume import Volume
from datamodules.volume_cache import (
    COUNTS,
    GEOMETRIES,
    IMAGE,
    IMAGES,
    MASKS,
    PLACES,
    SHAPES,
    VolumeCache,
)
from experiments.benchmarks.comparison import Comparison
from experiments.benchmarks.sizes import Sizes
from experiments.benchmarks.volume_loader import lightbox_batches
from experiments.benchmarks.worker_memory import heaviest_worker, measured_apart

FEW_CASES = 200


def compare(sizes: Sizes, folder: Path) -> Iterator[Comparison]:
    """Megabytes of the worker that has most, with many volumes and with few."""
    many = private_megabytes(folder / "many", sizes.many_volumes, sizes)
    few = private_megabytes(folder / "few", FEW_CASES, sizes)
    subject = f"private memory a worker, {sizes.many_volumes} volumes"
    yield Comparison(subject, "MB", (many,), "alone", 25, f"{FEW_CASES} volumes", (few,))


def private_megabytes(folder: Path, cases: int, sizes: Sizes) -> float:
    """Measure in a process of its own, whose files lie in a new folder."""
    module = "experiments.benchmarks.volume_worker_memory"
    return measured_apart(module, folder, (cases, *sizes.volume, *sizes.patch, sizes.patches))


def main(folder: Path, cases: int, sides: tuple[int, ...], sizes: Sizes) -> None:
    """Print the private megabytes of the worker that has most."""
    cache = sparse_cache(folder / "sparse", cases, sides)
    batches = ({"image": image} for image, _ in lightbox_batches(cache, sizes)())
    print(heaviest_worker(batches, (1, *sizes.patch)))


def sparse_cache(place: Path, cases: int, sides: tuple[int, ...]) -> VolumeCache:
    """A volume cache of nothing but zeros that takes no room on the disk."""
    place.mkdir()
    voxels = cases * int(np.prod(sides))
    for name, size in ((IMAGES, voxels * IMAGE.itemsize), (MASKS, voxels), (PLACES, 0)):
        with (place / name).open("wb") as file:
            file.truncate(size)
    np.save(place / SHAPES, np.tile(np.array(sides, np.int64), (cases, 1)))
    np.save(place / COUNTS, np.zeros((cases, 1), np.int64))
    geometry = VolumeGeometry.of(Volume(np.empty((0, *sides), np.uint8), np.eye(4)))
    (place / GEOMETRIES).write_text(json.dumps([geometry.to_dict()] * cases))
    description = {"shape": [cases], "dtype": IMAGE.name, "channels": 1, "mask_channels": 1}
    return VolumeCache(place, description)


if __name__ == "__main__":
    numbers = [int(word) for word in sys.argv[2:]]
    main(
        Path(sys.argv[1]),
        numbers[0],
        tuple(numbers[1:4]),
        Sizes(patch=(numbers[4], numbers[5], numbers[6]), patches=numbers[7]),
    )
