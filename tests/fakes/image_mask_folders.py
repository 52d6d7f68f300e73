"""Images and masks in a folder each, two of each patient."""

from pathlib import Path

import numpy as np
from fakes.mask_files import ball, write_image, write_slice


def write(root: Path, images: int = 6, sides: tuple[str, ...] = ("",), seed: int = 0) -> Path:
    """So many images in ``images`` (of each side), and label maps 0, 1, 2 in ``masks``."""
    rng, patient = np.random.default_rng(seed), 0
    for side in sides:
        for number in range(images):
            patient += number % 2 == 0
            mask, name = ball(rng, (32, 28)), f"p{patient}_{number}.png"
            write_slice(root / side / "images" / name, mask, rng)
            write_image(root / side / "masks" / name, mask)
    return root


def write_structures(root: Path, images: int = 4, seed: int = 0) -> Path:
    """A folder of masks for each structure; the core lies in the ball, so that they overlap."""
    rng = np.random.default_rng(seed)
    for number in range(images):
        mask, name = ball(rng, (32, 28)), f"{number}.png"
        write_slice(root / "images" / name, mask, rng)
        for structure, values in {"ball": (1, 2), "core": (2,)}.items():
            inside = np.isin(mask, values)
            write_image(root / "masks" / structure / name, 255 * inside.astype(np.uint8))
    return root
