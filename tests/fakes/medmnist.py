"""Small npz files in the layout of MedMNIST v2."""

from pathlib import Path
from typing import Any

import numpy as np
from fakes.films import draw_film


def arrays(
    counts: tuple[int, int, int] = (24, 8, 8), size: int = 28, seed: int = 0
) -> dict[str, Any]:
    """Images uint8 ``(n, size, size)`` and labels uint8 ``(n, 1)`` of each side."""
    rng, made = np.random.default_rng(seed), {}
    for side, count in zip(("train", "val", "test"), counts, strict=True):
        labels = (np.arange(count) % 3 > 0).astype(np.uint8)
        made[f"{side}_images"] = np.stack([draw_film(bool(label), rng, size) for label in labels])
        made[f"{side}_labels"] = labels[:, None]
    return made


def volume_arrays(
    counts: tuple[int, int, int] = (24, 8, 8), size: int = 28, seed: int = 0
) -> dict[str, Any]:
    """Volumes uint8 ``(n, size, size, size)``, label 1 with a ball that is larger; its labels."""
    rng, made = np.random.default_rng(seed), {}
    distance = np.linalg.norm(np.indices((size,) * 3) - size / 2, axis=0)
    for side, count in zip(("train", "val", "test"), counts, strict=True):
        labels = (np.arange(count) % 3 > 0).astype(np.uint8)
        radii = size * (0.15 + 0.15 * labels) + rng.uniform(-1, 1, count)
        made[f"{side}_images"] = np.stack([distance < radius for radius in radii]) * np.uint8(255)
        made[f"{side}_labels"] = labels[:, None]
    return made


def write_volumes(folder: Path, flag: str = "adrenalmnist3d", **changed: Any) -> Path:
    """Write ``flag.npz`` with volumes; changes as in :func:`write`."""
    return write(folder, flag, **(volume_arrays() | changed))


def write(folder: Path, flag: str = "pneumoniamnist", **changed: Any) -> Path:
    """Write ``flag.npz``; a changed array stands in for the usual one, None leaves it out."""
    folder.mkdir(parents=True, exist_ok=True)
    made = {name: array for name, array in (arrays() | changed).items() if array is not None}
    np.savez_compressed(folder / f"{flag}.npz", **made)
    return folder / f"{flag}.npz"
