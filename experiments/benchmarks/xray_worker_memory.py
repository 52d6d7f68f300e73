"""Private memory of the workers that load films, and whether it grows with the dataset.

A process of its own prepares the real datamodule (``XraysData``) on so many small films in one npz
file, puts a sparse map of films of the usual size in place of theirs (100,000 films then need no
disk, and are read as any others), and draws batches from the real training loader.

Usage: ``python -m experiments.benchmarks.xray_worker_memory FOLDER CASES PIXELS BATCH_SIZE``.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from datamodules.configs.xrays import XrayPreprocessing, XraysConfig
from datamodules.image_cache import ImageCache
from datamodules.readers.medmnist import MedMnistReader
from datamodules.xrays import XraysData
from experiments.benchmarks.comparison import Comparison
from experiments.benchmarks.sizes import Sizes
from experiments.benchmarks.worker_memory import heaviest_worker, measured_apart

WORKERS = 2
FEW_CASES = 2000
NPZ_PIXELS = 28


def compare(sizes: Sizes, folder: Path) -> Iterator[Comparison]:
    """Megabytes of the worker that has most, with many cases and with few."""
    many = private_megabytes(folder / "many", sizes.cases, sizes)
    few = private_megabytes(folder / "few", FEW_CASES, sizes)
    subject = f"private memory a worker, {sizes.cases} cases"
    yield Comparison(subject, "MB", (many,), "alone", 25, f"{FEW_CASES} cases", (few,))


def private_megabytes(folder: Path, cases: int, sizes: Sizes) -> float:
    """Measure in a process of its own, whose files lie in a new folder."""
    module = "experiments.benchmarks.xray_worker_memory"
    return measured_apart(module, folder, (cases, sizes.stored_pixels, sizes.batch_size))


def main(folder: Path, cases: int, pixels: int, batch_size: int) -> None:
    """Print the private megabytes of the worker that has most, while 50 batches are drawn."""
    write_npz(folder, cases)
    config = XraysConfig(
        reader=MedMnistReader(root=str(folder), download=False),
        preprocessing=XrayPreprocessing(size=NPZ_PIXELS),
        batch_size=batch_size,
        workers=WORKERS,
    )
    data = XraysData(config)
    data.prepare()
    data.cache = sparse_cache(folder, len(data.cache), pixels)
    print(heaviest_worker(data.train_dataloader(), (1, pixels, pixels)))


def write_npz(folder: Path, cases: int) -> None:
    """Write random films in the layout of MedMNIST, nine tenths of them for training."""
    rng = np.random.default_rng(0)
    counts = {"val": cases // 20, "test": cases // 20}
    counts["train"] = cases - sum(counts.values())
    arrays: dict[str, Any] = {}
    for side, count in counts.items():
        films = rng.integers(0, 256, (count, NPZ_PIXELS, NPZ_PIXELS), dtype=np.uint8)
        arrays[f"{side}_images"] = films
        arrays[f"{side}_labels"] = (np.arange(count)[:, None] % 2).astype(np.uint8)
    np.savez(folder / "pneumoniamnist.npz", **arrays)


def sparse_cache(folder: Path, films: int, pixels: int) -> ImageCache:
    """An image cache of black films that takes no room on the disk."""
    place = folder / "sparse"
    place.mkdir()
    shape = (films, pixels, pixels)
    np.lib.format.open_memmap(place / "images.npy", "w+", np.dtype(np.uint8), shape).flush()
    return ImageCache(place, {"shape": list(shape)})


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:5]))
