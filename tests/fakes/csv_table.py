"""Films listed in a table, as anybody's own data may be."""

import csv
from pathlib import Path

import cv2
import numpy as np
from fakes.films import draw_film

COLUMNS = ("path", "label", "patient", "site", "age", "sex")


def write(root: Path, patients: int = 12, seed: int = 0) -> Path:
    """Two films a patient with the label of the patient; returns the table."""
    rng, rows = np.random.default_rng(seed), []
    for patient in range(patients):
        holds = patient % 3 == 0
        for film in range(2):
            path = f"images/p{patient:03d}_{film}.png"
            write_film(root / path, holds, rng)
            site, age, sex = "AB"[patient % 2], 20 + patient, "MF"[patient % 2]
            rows.append((path, int(holds), f"p{patient:03d}", site, age, sex))
    return write_table(root / "labels.csv", COLUMNS, rows)


def write_table(path: Path, columns: tuple[str, ...], rows: list[tuple[object, ...]]) -> Path:
    """Any table."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([columns, *rows])
    return path


def write_film(path: Path, holds: bool, rng: np.random.Generator) -> None:
    """One PNG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), draw_film(holds, rng))
