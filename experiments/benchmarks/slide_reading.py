"""Reading whole slides beside openslide as people use it, from one file, on one thread.

- Aligned tiles: 256 pixels of 0.5 um, which are the JPEG tiles of the file.
- Other tiles: 224 pixels of 0.7 um, which are cut across them and resized. openslide's are read
  from the same level and resized by Pillow.
- Tissue: Lightbox looks at a small image of the slide, its peer at every tile at full resolution
  (share of the pixels that are more saturated than Otsu's threshold). With blur: Lightbox measures
  sharpness on a coarse level, its peer the variance of the Laplacian of every tile.

Every round opens the slide anew; the file is in the page cache.

Usage: ``python -m experiments.benchmarks.slide_reading FOLDER PIXELS`` prints by how many megabytes
a process grows that finds the tissue of a slide beside that folder, and reads all its tiles.
"""

import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import openslide
from numpy.typing import NDArray

from datamodules.configs.slide_tiles import TilesConfig, TissueConfig
from datamodules.errors import LightboxError
from datamodules.transforms.slide_reading import open_slide
from datamodules.transforms.slide_tiles import TileGrid, TileReader, tile_grid
from datamodules.transforms.slide_tissue import find_tissue
from experiments.benchmarks.comparison import Comparison
from experiments.benchmarks.sizes import Sizes
from experiments.benchmarks.slide_files import write_slide
from experiments.benchmarks.timing import interleaved, seconds
from experiments.benchmarks.worker_memory import measured_apart

ALIGNED = TilesConfig(least_sharpness=0)
OTHER = TilesConfig(size=224, um_per_pixel=0.7, least_sharpness=0)
IN_FOCUS = TilesConfig()
AGREEMENT, MOST_APART = 0.97, 3.0
"""Least share of tiles on which both agree; mean difference of pixels in grey levels."""
SATURATED = 20
"""Of 255: Otsu's threshold of the slide's saturation is near it."""
LEAST_VARIANCE = 15.0
"""Of the Laplacian of a tile in focus."""
FEW_PIXELS = 2048
Read = Callable[[Path, TileGrid], int]


def compare(sizes: Sizes, folder: Path) -> Iterator[Comparison]:
    """Tiles a second, seconds for the tissue, and memory."""
    path = write_slide(folder / f"{sizes.slide_pixels}.tif", sizes.slide_pixels)
    yield from _tiles(path, sizes)
    yield from _tissue(path, sizes)
    write_slide(folder / f"{FEW_PIXELS}.tif", FEW_PIXELS)
    module = "experiments.benchmarks.slide_reading"
    many, few = (
        measured_apart(module, folder / f"apart-{pixels}", (pixels,))
        for pixels in (sizes.slide_pixels, FEW_PIXELS)
    )
    subject = f"memory, slide of {sizes.slide_pixels} px"
    yield Comparison(subject, "MB", (many,), "alone", 100, f"slide of {FEW_PIXELS} px", (few,))


def _tiles(path: Path, sizes: Sizes) -> Iterator[Comparison]:
    for name, config, goal in (("aligned", ALIGNED, 4), ("other", OTHER, 1)):
        grid = _grid(path, config)
        _check_pixels(path, grid)
        rates = interleaved(
            {
                "ours": partial(_rate, _read_by_lightbox, path, grid),
                "other": partial(_rate, _read_by_openslide, path, grid),
            },
            sizes.rounds,
        )
        subject = f"{name} tiles, {grid.size} px of {config.um_per_pixel} um"
        peer = "openslide" if name == "aligned" else "openslide and Pillow"
        yield Comparison(
            subject, "tiles/s", rates["ours"], "times the rate", goal, peer, rates["other"]
        )


def _tissue(path: Path, sizes: Sizes) -> Iterator[Comparison]:
    count = (sizes.slide_pixels // ALIGNED.size) ** 2
    for name, config, goal in (("tissue", ALIGNED, 50), ("tissue in focus", IN_FOCUS, 10)):
        ours = partial(_grid, path, config)
        other = partial(filter_every_tile, path, blur=config.least_sharpness > 0)
        apart = len(_as_set(ours().corners) ^ _as_set(other()))
        if apart > (1 - AGREEMENT) * count:
            raise LightboxError(f"{name}: the two differ on {apart} of {count} tiles")
        times = interleaved(
            {"ours": partial(seconds, ours), "other": partial(seconds, other)}, sizes.rounds
        )
        subject = f"{name} of {count} tiles, {1 - apart / count:.1%} agree"
        peer = "every tile at full resolution"
        yield Comparison(subject, "s", times["ours"], "times faster", goal, peer, times["other"])


def _as_set(corners: NDArray[np.int64]) -> set[tuple[int, int]]:
    return {(x, y) for x, y in corners.tolist()}


def _grid(path: Path, config: TilesConfig) -> TileGrid:
    with open_slide(path) as slide:
        return tile_grid(slide, find_tissue(slide, TissueConfig(), path.stem), config)


def filter_every_tile(path: Path, *, blur: bool) -> NDArray[np.int64]:
    """Corners of the tiles with half tissue (and sharp), each looked at by itself."""
    found = []
    with openslide.OpenSlide(path) as slide:
        width, height = slide.dimensions
        for y in range(0, height, ALIGNED.size):
            for x in range(0, width, ALIGNED.size):
                region = slide.read_region((x, y), 0, (ALIGNED.size, ALIGNED.size))
                tile = np.asarray(region.convert("RGB"))
                saturation = cv2.cvtColor(tile, cv2.COLOR_RGB2HSV)[..., 1]
                if (saturation > SATURATED).mean() < ALIGNED.least_tissue:
                    continue
                grey = cv2.cvtColor(tile, cv2.COLOR_RGB2GRAY)
                if not blur or cv2.Laplacian(grey, cv2.CV_64F).var() >= LEAST_VARIANCE:
                    found.append((x, y))
    return np.array(found, np.int64).reshape(-1, 2)


def _rate(read: Read, path: Path, grid: TileGrid) -> float:
    """Tiles a second, the slide opened anew."""
    start = time.perf_counter()
    count = read(path, grid)
    return count / (time.perf_counter() - start)


def _read_by_lightbox(path: Path, grid: TileGrid) -> int:
    with open_slide(path) as slide:
        reader = TileReader(slide, grid)
        for number in range(len(grid.corners)):
            reader.read(number)
    return len(grid.corners)


def _read_by_openslide(path: Path, grid: TileGrid) -> int:
    with openslide.OpenSlide(path) as slide:
        for corner in grid.corners.tolist():
            _tile_of_openslide(slide, corner, grid)
    return len(grid.corners)


def _tile_of_openslide(
    slide: openslide.OpenSlide, corner: list[int], grid: TileGrid
) -> NDArray[np.uint8]:
    side = round(grid.side / slide.level_downsamples[grid.level])
    tile = slide.read_region((corner[0], corner[1]), grid.level, (side, side)).convert("RGB")
    if side != grid.size:
        tile = tile.resize((grid.size, grid.size))
    return np.asarray(tile, np.uint8)


def _check_pixels(path: Path, grid: TileGrid) -> None:
    """Look whether both see the same in a tile amid the tissue."""
    number = len(grid.corners) // 2
    with open_slide(path) as slide, openslide.OpenSlide(path) as peer:
        ours = TileReader(slide, grid).read(number).astype(np.int16)
        other = _tile_of_openslide(peer, grid.corners[number].tolist(), grid)
    if np.abs(ours - other).mean() > MOST_APART:
        raise LightboxError("the two programs do not give the same pixels")


def main(path: Path) -> None:
    """Print by how many megabytes this process grows."""
    before = _peak_megabytes()
    _read_by_lightbox(path, _grid(path, IN_FOCUS))
    print(_peak_megabytes() - before)


def _peak_megabytes() -> float:
    """Most memory that this process has had so far, in units of 10^6 bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmHWM:"))) * 1024 / 1e6


if __name__ == "__main__":
    main(Path(sys.argv[1]).parent / f"{sys.argv[2]}.tif")
