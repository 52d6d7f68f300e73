"""Chest films with masks of five structures, in the layout of JSRT and SCR."""

from pathlib import Path

import numpy as np
from fakes.mask_files import ball, write_image

STRUCTURES = {
    "left_lung": "LL",
    "right_lung": "RL",
    "heart": "H",
    "left_clavicle": "LCLA",
    "right_clavicle": "RCLA",
}


def write(root: Path, films: int = 4, seed: int = 0, *, extras: bool = True) -> Path:
    """Films with and without a nodule, twice as high and wide as the masks."""
    rng, rows = np.random.default_rng(seed), []
    for number in range(1, films + 1):
        for group in ("LN", "NN"):
            name = f"JPC{group}{number:03d}"
            write_image(root / f"images/{name}.png", rng.integers(0, 256, (64, 64)))
            for structure, short in STRUCTURES.items():
                inside = ball(rng, (32, 32)) > 0
                write_image(root / f"masks/{structure}/{name}.png", 255 * inside)
                if extras:
                    _write_landmarks(root / f"landmarks/{short}/{name}.npy", rng)
            condition = "nodule lung cancer" if group == "LN" else "non-nodule"
            rows.append(f"{name}.png,JSRT,True,True,{'MF'[number % 2]},{40 + number},{condition}")
    if extras:
        header = "File,Dataset,Lung Annotations,Heart Annotations,Sex,Age,Condition"
        (root / "clinical.csv").write_text("\n".join([header, *rows]) + "\n")
    return root


def _write_landmarks(path: Path, rng: np.random.Generator) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, rng.uniform(0, 1024, (5, 2)))
