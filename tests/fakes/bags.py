"""Files of tile features, as Lightbox and other programs write them."""

from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray


def draw(tiles: int = 6, width: int = 5, seed: int = 0) -> NDArray[np.float32]:
    """Features of the tiles of a slide, float32 ``(tiles, width)``."""
    return np.random.default_rng(seed).normal(size=(tiles, width)).astype(np.float32)


def grid(tiles: int = 6, side: int = 512, columns: int = 3) -> NDArray[np.int64]:
    """Corners of tiles in rows of so many, int64 ``(tiles, 2)``."""
    at = np.arange(tiles)
    return np.stack([at % columns, at // columns], axis=1).astype(np.int64) * side + 100


def write_trident(path: Path, features: NDArray[np.floating], side: int = 512) -> Path:
    """As TRIDENT does: the sizes are attributes of the coordinates."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        file["features"] = features
        file["coords"] = grid(features.shape[-2], side)
        file["coords"].attrs.update(
            patch_size=256, patch_size_level0=side, level0_magnification=40, target_magnification=20
        )
    return path


def write_clam(path: Path, features: NDArray[np.floating], side: int = 1024) -> Path:
    """As CLAM does: the coordinates say the size of a tile at its level, and that level's scale."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        file.create_dataset("features", data=features, maxshape=(None, features.shape[1]))
        coords = file.create_dataset("coords", data=grid(len(features), side), maxshape=(None, 2))
        coords.attrs.update(patch_size=256, patch_level=1, downsample=(side / 256, side / 256))
    return path
