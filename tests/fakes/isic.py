"""Photographs of skin in the layout of ISIC 2018, task 1."""

from pathlib import Path

import numpy as np
from fakes.mask_files import ball, write_image

SIDES = ("Training", "Validation", "Test")


def write(root: Path, images: int = 3, sides: tuple[str, ...] = SIDES, seed: int = 0) -> Path:
    """So many photographs of each side, with outlines of a lesion."""
    rng = np.random.default_rng(seed)
    for at, side in enumerate(sides):
        for number in range(at * images, (at + 1) * images):
            inside, name = ball(rng, (24, 32)) > 0, f"ISIC_{number:07d}"
            grey = 170 - 80.0 * inside + rng.normal(0, 8, inside.shape)
            colour = np.stack([grey, 0.8 * grey, 0.7 * grey], axis=-1).clip(0, 255)
            write_image(root / f"ISIC2018_Task1-2_{side}_Input/{name}.jpg", colour)
            mask = root / f"ISIC2018_Task1_{side}_GroundTruth/{name}_segmentation.png"
            write_image(mask, 255 * inside)
    return root
