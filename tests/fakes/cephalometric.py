"""Cephalograms with 19 landmarks, as the ISBI 2015 challenge has them, or with tables."""

from pathlib import Path

import numpy as np
from fakes.csv_table import write_table
from fakes.mask_files import write_image

SIZE = (48, 40)
"""Height and width of the pictures."""
IMAGES = {
    "001": "TrainingData",
    "002": "TrainingData",
    "150": "TrainingData",
    "151": "Test1Data",
    "300": "Test1Data",
    "301": "Test2Data",
}
"""Folder of each image."""
PLACES = [(3 + number, 5 + 2 * number) for number in range(19)]
"""x and y of each landmark in the reading of the senior; the other one is 2 to the right."""
CLASSES = "1\n2\n1\n"


def write_challenge(root: Path) -> Path:
    """Bitmaps in ``RawImage``, and a text file for each image and reading."""
    for name, folder in IMAGES.items():
        write_image(root / f"RawImage/{folder}/{name}.bmp", _picture(name))
        for reading, shift in (("senior", 0), ("junior", 2)):
            path = root / f"400_{reading}/{name}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("".join(f"{x + shift},{y}\n" for x, y in PLACES) + CLASSES)
    return root


def write_tables(root: Path) -> Path:
    """Pictures in ``images``, and a table for each part and reading."""
    columns = ["image_path", *(f"{at}_{axis}" for at in range(1, 20) for axis in "xy")]
    for part, folder in (("train", "TrainingData"), ("test1", "Test1Data")):
        names = [name for name, own in IMAGES.items() if own == folder]
        for name in names:
            write_image(root / f"images/{name}.png", _picture(name))
        for reading, shift in (("senior", 0), ("second", 2)):
            rows = [
                (f"{name}.png", *(value for x, y in PLACES for value in (x + shift, y)))
                for name in names
            ]
            write_table(root / f"{part}_{reading}.csv", columns, rows)
    return root


def _picture(name: str) -> np.ndarray:
    return np.random.default_rng(int(name)).integers(0, 256, SIZE)
