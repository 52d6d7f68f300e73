"""Small pictures of bright discs and dim squares in a table of boxes, which a detector learns."""

from pathlib import Path

import numpy as np
from fakes.csv_table import write_table
from fakes.mask_files import write_image

from datamodules.configs.boxes import BoxesConfig
from datamodules.configs.volume_augmentation import LIGHT
from datamodules.configs.volume_preprocessing import Rgb, VolumePreprocessing
from datamodules.readers.boxes_csv import BoxesCsvReader
from experiments.configs.logging import LoggingConfig
from experiments.configs.trainer import TrainerConfig
from experiments.experiment import Experiment
from lightning_modules.configs.detection_networks import GridConfig
from lightning_modules.configs.detector import DetectorConfig
from lightning_modules.configs.optimizers import AdamWConfig

SIDE = 64
COLUMNS = ("image", "label", "x", "y", "width", "height", "patient")


def detection_experiment(root: Path, pictures: int = 20, epochs: int = 2) -> Experiment:
    """Writes the pictures under ``root`` and returns the experiment on them."""
    write_cells(root, pictures)
    return Experiment(
        name="cells",
        data=BoxesConfig(
            reader=BoxesCsvReader(root=str(root), patient_column="patient"),
            preprocessing=VolumePreprocessing(crop_to_nonzero=False, normalisation=Rgb()),
            augmentation=LIGHT.replace(rotation_probability=0, scale_probability=0),
            patch=(48, 56),
            batch_size=4,
            batches_per_epoch=8,
            workers=0,
        ),
        task=DetectorConfig(
            network=GridConfig(base_features=8, levels=2, pyramid_features=16),
            optimizer=AdamWConfig(lr=1e-2),
        ),
        trainer=TrainerConfig(max_epochs=epochs, log_every_steps=1),
        logging=LoggingConfig(wandb="off", bootstrap_samples=100),
    )


def write_cells(root: Path, pictures: int) -> None:
    """Two pictures a patient; every fifth has nothing in it."""
    rows: list[tuple[object, ...]] = []
    for number in range(pictures):
        name = f"p{number // 2:02d}_{number % 2}.png"
        picture, boxes = draw_cells(number)
        write_image(root / name, picture)
        patient = f"p{number // 2:02d}"
        for label, *box in boxes or [("", "", "", "", "")]:
            rows.append((name, label, *box, patient))
    write_table(root / "boxes.csv", COLUMNS, rows)


def draw_cells(number: int) -> tuple[np.ndarray, list[tuple[str, int, int, int, int]]]:
    """A picture ``(64, 64, 3)`` and its boxes; both are functions of the number."""
    chance = np.random.default_rng(number)
    picture = chance.normal(60, 8, (SIDE, SIDE, 3))
    boxes = []
    corners = [(4, 4), (36, 4), (4, 36), (36, 36)]
    for place in chance.permutation(4)[: 0 if number % 5 == 4 else 3]:
        x, y = (int(start + chance.integers(0, 6)) for start in corners[place])
        side = int(chance.integers(12, 18))
        rows, columns = np.ogrid[:side, :side]
        round_one = place % 2 == 0
        middle = (side - 1) / 2
        inside = (rows - middle) ** 2 + (columns - middle) ** 2 <= (side / 2) ** 2
        inside = inside if round_one else np.ones_like(inside)
        picture[y : y + side, x : x + side][inside] += 120 if round_one else 70
        boxes.append(("disc" if round_one else "square", x, y, side, side))
    return np.clip(picture, 0, 255).astype(np.uint8), boxes
