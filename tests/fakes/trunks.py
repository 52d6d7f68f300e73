"""Drawn volumes of a trunk: lungs above, a liver below, a spine behind, air around."""

import numpy as np
from fakes.volume_files import oblique_affine

from datamodules.volume import Volume

SHAPE, SPACING = (40, 30, 36), (9.0, 9.0, 12.0)
CT = {"air": -1000, "lung": -850, "soft": 40, "liver": 90, "bone": 500}
MR = {"air": 0, "lung": 60, "soft": 420, "liver": 250, "bone": 120}


def trunk(seed: int, tissue: dict[str, float] = CT, noise: float = 30.0) -> np.ndarray:
    """A person, float32 ``(left-right, back-front, down-up)``."""
    chance = np.random.default_rng(seed)
    x, y, z = np.meshgrid(*(np.linspace(-1, 1, side) for side in SHAPE), indexing="ij")
    size = chance.uniform(0.94, 1.06)
    parts = {
        "soft": (x / 0.85) ** 2 + (y / 0.75) ** 2,
        "liver": ((x - 0.35) / 0.4) ** 2 + ((y - 0.2) / 0.4) ** 2 + ((z + 0.35) / 0.4) ** 2,
        "bone": (x / 0.12) ** 2 + ((y + 0.55) / 0.14) ** 2,
    }
    found = np.full(SHAPE, tissue["air"], np.float32)
    for name, distance in parts.items():
        found[distance < size**2] = tissue[name]
    for side in (-0.42, 0.42):
        lung = ((x - side) / 0.34) ** 2 + ((y + 0.2) / 0.4) ** 2 + ((z - 0.5) / 0.55) ** 2
        found[lung < chance.uniform(0.9, 1.1)] = tissue["lung"]
    return (found + chance.normal(0, noise, SHAPE)).astype(np.float32)


def scan(array: np.ndarray, spacing: tuple[float, float, float] = SPACING, seed: int = 0) -> Volume:
    """A volume as a file holds it, a little oblique, with spacings that differ by a few percent."""
    spread = np.random.default_rng(seed).uniform(0.95, 1.05)
    return Volume(array[None], oblique_affine(tuple(spread * each for each in spacing), seed), True)
