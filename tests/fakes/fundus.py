"""Fundus photographs in the layouts of CHASE_DB1 and DRIVE."""

from pathlib import Path

import numpy as np
from fakes.mask_files import ball, write_image

SIZE = (28, 32)


def write_chase_db1(root: Path, children: tuple[int, ...] = (1, 2, 11, 14), seed: int = 0) -> Path:
    """Both eyes of each child, and what two observers saw."""
    rng = np.random.default_rng(seed)
    for child in children:
        for eye in "LR":
            mask = _write_photograph(root / f"Image_{child:02d}{eye}.jpg", rng)
            for observer in ("1stHO", "2ndHO"):
                write_image(root / f"Image_{child:02d}{eye}_{observer}.png", mask)
    return root


def write_drive(root: Path, images: int = 3, seed: int = 0, *, tested: bool = True) -> Path:
    """Images 21, 22, ... for training and 01, 02, ... for testing."""
    rng = np.random.default_rng(seed)
    for side, first in {"training": 21, "test": 1}.items():
        for number in range(first, first + images):
            mask = _write_photograph(root / side / f"images/{number:02d}_{side}.tif", rng)
            if side == "training" or tested:
                write_image(root / side / f"1st_manual/{number:02d}_manual1.gif", mask)
            if side == "test" and tested:
                write_image(root / side / f"2nd_manual/{number:02d}_manual2.gif", mask)
            seen = np.full(SIZE, 255)
            write_image(root / side / f"mask/{number:02d}_{side}_mask.gif", seen)
    return root


def _write_photograph(path: Path, rng: np.random.Generator) -> np.ndarray:
    """Three channels; returns the mask, 0 or 255."""
    inside = ball(rng, SIZE) > 0
    grey = 150 - 70.0 * inside + rng.normal(0, 8, SIZE)
    write_image(path, np.stack([grey, 0.6 * grey, 0.3 * grey], axis=-1).clip(0, 255))
    return 255 * inside.astype(np.uint8)
