"""A volume classification that takes seconds: noise with or without a bright ball."""

from pathlib import Path

import numpy as np
from fakes.volume_files import oblique_affine, write_nifti

from datamodules.configs.volume_augmentation import LIGHT
from datamodules.configs.volume_preprocessing import VolumePreprocessing
from datamodules.configs.volumes import Fit, ResizedFit, VolumesConfig
from datamodules.readers.csv_table import CsvReader
from experiments.configs.logging import LoggingConfig
from experiments.configs.trainer import TrainerConfig
from experiments.experiment import Experiment
from lightning_modules.configs.optimizers import AdamWConfig
from lightning_modules.configs.volume_classifier import VolumeClassifierConfig
from lightning_modules.configs.volume_networks import ResNet3dConfig

TABLE = "volumes.csv"
COLUMNS = "volume,patient,label,age,site"


def volume_experiment(root: Path, cases: int = 24, fit: Fit | None = None) -> Experiment:
    """Writes the volumes and their table under ``root`` and returns the experiment on them."""
    write_volumes(root, cases)
    fit = fit or ResizedFit(size=(16, 16, 16))
    return Experiment(
        name="balls-or-not",
        data=VolumesConfig(
            reader=CsvReader(
                root=str(root),
                table=TABLE,
                image_column="volume",
                patient_column="patient",
                label_columns=("label",),
                classes=("none", "ball"),
                site_column="site",
                attribute_columns=("age",),
            ),
            preprocessing=VolumePreprocessing(crop_to_nonzero=False),
            fit=fit,
            augmentation=LIGHT,
            batch_size=6,
            workers=0,
        ),
        task=VolumeClassifierConfig(
            network=ResNet3dConfig(depth=10, base_features=4), optimizer=AdamWConfig(lr=3e-3)
        ),
        trainer=TrainerConfig(max_epochs=2, log_every_steps=1),
        logging=LoggingConfig(wandb="off", bootstrap_samples=100),
    )


def write_volumes(root: Path, cases: int) -> None:
    """Two volumes a patient, about 20 x 18 x 12 voxels of 1 x 1.2 x 1.5 mm, oblique."""
    lines = [COLUMNS]
    for number in range(cases):
        name, patient = f"v{number:02d}.nii.gz", f"p{number // 2:02d}"
        affine = oblique_affine((1.0, 1.2, 1.5), seed=number)
        write_nifti(root / name, draw_volume(number), affine)
        label = ("none", "ball")[number % 2]
        lines.append(f"{name},{patient},{label},{40 + number},{'AB'[number % 3 == 0]}")
    (root / TABLE).write_text("\n".join(lines) + "\n")


def draw_volume(number: int) -> np.ndarray:
    """Noise, float32; the odd ones have a bright ball, whose place follows from the number."""
    chance = np.random.default_rng(number)
    shape = chance.integers((18, 16, 10), (24, 20, 14))
    grid = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)
    distance = np.linalg.norm(grid - shape / 2 - chance.uniform(-2, 2, 3), axis=-1)
    ball = np.where(distance < 4, 200, 0) * (number % 2)
    return (100 + ball + chance.normal(0, 20, shape)).astype(np.float32)
