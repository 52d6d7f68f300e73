"""An X-ray experiment that takes seconds: a small table of small films, a small network."""

import csv
from pathlib import Path

import cv2
import numpy as np

from datamodules.configs.xrays import XrayPreprocessing, XraysConfig
from datamodules.readers.csv_table import CsvReader
from experiments.configs.logging import LoggingConfig
from experiments.configs.trainer import TrainerConfig
from experiments.experiment import Experiment
from lightning_modules.configs.optimizers import AdamWConfig
from lightning_modules.configs.xray_classifier import XrayClassifierConfig
from lightning_modules.configs.xray_networks import TimmNetworkConfig


def tiny_experiment(
    root: Path, epochs: int = 2, patients: int = 40, findings: tuple[str, ...] = ()
) -> Experiment:
    """Writes the films under ``root`` and returns the experiment on them."""
    write_films(root, patients, findings or ("label",))
    return Experiment(
        name="tiny",
        data=XraysConfig(
            reader=CsvReader(
                root=str(root),
                patient_column="patient",
                attribute_columns=("age", "sex"),
                label_columns=findings or ("label",),
            ),
            preprocessing=XrayPreprocessing(size=32),
            batch_size=8,
            workers=0,
        ),
        task=XrayClassifierConfig(
            network=TimmNetworkConfig(encoder="resnet10t", pretrained=False),
            optimizer=AdamWConfig(lr=3e-3),
        ),
        trainer=TrainerConfig(max_epochs=epochs, log_every_steps=1),
        logging=LoggingConfig(wandb="off", bootstrap_samples=100),
    )


def write_films(root: Path, patients: int, labels: tuple[str, ...]) -> None:
    """Two films a patient, 40 px; each label that holds is a bright disc of its own size."""
    (root / "images").mkdir(parents=True, exist_ok=True)
    chance = np.random.default_rng(0)
    with (root / "labels.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["path", *labels, "patient", "age", "sex"])
        for number in range(2 * patients):
            holds = chance.integers(0, 2, len(labels))
            film = chance.normal(90, 15, (40, 40))
            for radius, each in enumerate(holds, start=4):
                place = chance.integers(8, 32, 2).tolist()
                cv2.circle(film, place, radius, 90 + 110 * int(each), -1)
            path = f"images/{number:03d}.png"
            cv2.imwrite(str(root / path), film.clip(0, 255).astype(np.uint8))
            patient, age = f"p{number // 2}", int(chance.integers(20, 90))
            table.writerow([path, *holds.tolist(), patient, age, "MF"[number // 2 % 2]])
