"""Films in one folder a class, with or without folders for an official split."""

from pathlib import Path

import numpy as np
from fakes.csv_table import write_film


def write(
    root: Path,
    films: int = 6,
    classes: tuple[str, ...] = ("normal", "pneumonia"),
    splits: tuple[str, ...] = (),
    seed: int = 0,
) -> Path:
    """So many films in each class folder (of each split); two of each patient."""
    rng, patient = np.random.default_rng(seed), 0
    for top in [root / split for split in splits] or [root]:
        for label in classes:
            for number in range(films):
                patient += number % 2 == 0
                name = f"p{patient}_{label}_{number}.png"
                write_film(top / label / name, label == classes[-1], rng)
    return root
