"""Chest films with run-length encoded masks, in the layout of SIIM-ACR."""

from pathlib import Path

import numpy as np
from fakes.films import draw_film
from fakes.xray_files import dicom

TABLE = "train-rle.csv"
RUNS = "1300 10 54 10 54 10"
"""Three columns of ten pixels, in a film of 64 x 64."""


def image_id(number: int) -> str:
    """An ImageId, which is a SOPInstanceUID."""
    return f"1.2.276.0.7230010.3.1.4.8323329.{number}.1517875160.841685"


def write(root: Path, images: int = 6, seed: int = 0) -> Path:
    """Every other image has a pneumothorax; the films are smaller than 1024 x 1024 pixels."""
    rng, rows = np.random.default_rng(seed), []
    for number in range(images):
        holds, name = number % 2 == 0, image_id(number)
        rows.append((name, RUNS if holds else "-1"))
        path = root / f"dicom-images-train/{number}.1/{number}.2/{name}.dcm"
        path.parent.mkdir(parents=True)
        dicom(draw_film(holds, rng)).save_as(path)
    write_rows(root, rows)
    return root


def write_rows(root: Path, rows: list[tuple[str, str]]) -> None:
    """The table, whose second column begins with a blank, as published."""
    lines = ["ImageId, EncodedPixels", *(f"{name}, {runs}" for name, runs in rows)]
    (root / TABLE).write_text("\n".join(lines) + "\n")
