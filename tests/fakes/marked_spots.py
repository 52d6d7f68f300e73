"""Pictures with a bright and a dark spot, and a faint one: landmarks that can be learned."""

from pathlib import Path

import numpy as np
from fakes.csv_table import write_table
from fakes.mask_files import write_image
from numpy.typing import NDArray

from datamodules.configs.landmarks import LandmarksConfig
from datamodules.configs.volume_augmentation import VolumeAugmentation
from datamodules.configs.volume_preprocessing import RescaleRange, VolumePreprocessing
from datamodules.readers.points_csv import PointsCsvReader
from experiments.configs.logging import LoggingConfig
from experiments.configs.trainer import TrainerConfig
from experiments.experiment import Experiment
from lightning_modules.configs.landmark_measures import DistanceConfig, PointGroupConfig
from lightning_modules.configs.landmark_networks import HeatmapUNetConfig
from lightning_modules.configs.landmarker import LandmarkerConfig
from lightning_modules.configs.optimizers import AdamWConfig
from lightning_modules.configs.segmentation_networks import UNetConfig

NAMES = ("left", "right", "middle")
SIZE = (40, 48)
SMALL = UNetConfig(base_features=8, max_features=32, deep_supervision=False)
LITTLE = VolumeAugmentation(
    rotation_probability=0.5, rotation_degrees=10, scale_probability=0, mirror=(),
    low_resolution_probability=0, inverted_gamma_probability=0, gamma_probability=0,
)  # fmt: skip


def spots_of(number: int) -> NDArray[np.float64]:
    """x and y of each landmark of a picture, the middle of the first pixel being 0: ``(3, 2)``."""
    rng = np.random.default_rng(number)
    middle = rng.uniform((16, 14), (31, 25))
    aside = rng.uniform((7, -4), (9, 4))
    return np.stack([middle - aside, middle + aside, middle])


def draw_spots(number: int) -> NDArray[np.uint8]:
    """A picture, grey."""
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    noise = np.random.default_rng(number + 999).normal(0, 4, SIZE)
    picture = 100 + noise
    for (at_x, at_y), height in zip(spots_of(number), (110, -90, 50), strict=True):
        picture += height * np.exp(-((x - at_x) ** 2 + (y - at_y) ** 2) / 8)
    return picture.clip(0, 255).astype(np.uint8)


def write_spots(root: Path, pictures: int = 30, first: int = 0) -> None:
    """Pictures of as many patients, with a table; of every seventh the middle is not marked."""
    columns = ["image", "patient", *(f"{name}_{axis}" for name in NAMES for axis in "xy")]
    rows = []
    for number in range(first, first + pictures):
        name = f"p{number:02d}.png"
        write_image(root / name, draw_spots(number))
        cells = [f"{value:.3f}" for value in spots_of(number).ravel()]
        rows.append((name, name[:3], *cells[:4], *(("", "") if number % 7 == 6 else cells[4:])))
    write_table(root / "points.csv", columns, rows)


def landmark_experiment(root: Path, epochs: int = 3, pictures: int = 30) -> Experiment:
    """A small landmarker of them, which writes them first."""
    write_spots(root, pictures)
    return Experiment(
        name="spots",
        data=LandmarksConfig(
            reader=PointsCsvReader(root=str(root), patient_column="patient", pixel_spacing_mm=0.5),
            preprocessing=VolumePreprocessing(
                crop_to_nonzero=False, normalisation=RescaleRange(), order=1
            ),
            patch=(48, 48),
            augmentation=LITTLE,
            batch_size=4,
            batches_per_epoch=8,
            workers=0,
        ),
        task=LandmarkerConfig(
            network=HeatmapUNetConfig(unet=SMALL),
            optimizer=AdamWConfig(lr=3e-3),
            groups=(PointGroupConfig(name="sides", without=("middle",)),),
            measures=(DistanceConfig(name="width", between=("left", "right")),),
            monitor="mre_mm",
        ),
        trainer=TrainerConfig(max_epochs=epochs, log_every_steps=1),
        logging=LoggingConfig(wandb="off", bootstrap_samples=100),
    )
