"""A segmentation experiment that takes seconds: two balls in noise, in volumes of unequal shape."""

from pathlib import Path

import numpy as np
from fakes.volume_files import oblique_affine, write_nifti

from datamodules.configs.masks import MasksConfig
from datamodules.configs.volume_augmentation import LIGHT
from datamodules.configs.volume_preprocessing import VolumePreprocessing
from datamodules.readers.image_mask_folders import ImageMaskFoldersReader
from experiments.configs.logging import LoggingConfig
from experiments.configs.trainer import TrainerConfig
from experiments.experiment import Experiment
from lightning_modules.configs.optimizers import AdamWConfig
from lightning_modules.configs.segmentation_networks import UNetConfig
from lightning_modules.configs.segmenter import SegmenterConfig, SlidingWindowConfig

STRUCTURES = ("ball=1", "shell=2")


def segmentation_experiment(root: Path, cases: int = 20, epochs: int = 2) -> Experiment:
    """Writes the volumes under ``root`` and returns the experiment on them."""
    write_balls(root, cases)
    return Experiment(
        name="balls",
        data=MasksConfig(
            reader=ImageMaskFoldersReader(
                root=str(root), structures=STRUCTURES, patient_pattern=r"^(p\d+)"
            ),
            preprocessing=VolumePreprocessing(crop_to_nonzero=False, spacing_mm=(1.0, 1.0, 1.5)),
            augmentation=LIGHT,
            patch=(16, 16, 8),
            batch_size=2,
            batches_per_epoch=8,
            workers=0,
        ),
        task=SegmenterConfig(
            network=UNetConfig(base_features=8),
            optimizer=AdamWConfig(lr=3e-3),
            inference=SlidingWindowConfig(mirror=False),
        ),
        trainer=TrainerConfig(max_epochs=epochs, log_every_steps=1),
        logging=LoggingConfig(wandb="off", bootstrap_samples=100),
    )


def write_balls(root: Path, cases: int) -> None:
    """Two volumes a patient, about 20 x 18 x 12 voxels of 1 x 1.2 x 1.5 mm, oblique."""
    for number in range(cases):
        image, mask = draw_ball(number)
        affine = oblique_affine((1.0, 1.2, 1.5), seed=number)
        name = f"p{number // 2:02d}_{number % 2}.nii.gz"
        write_nifti(root / "images" / name, image, affine)
        write_nifti(root / "masks" / name, mask, affine)


def draw_ball(number: int) -> tuple[np.ndarray, np.ndarray]:
    """A bright ball in a darker shell; its place and the shape are functions of the number."""
    chance = np.random.default_rng(number)
    shape = chance.integers((18, 16, 10), (24, 20, 14))
    centre = shape / 2 + chance.uniform(-2, 2, 3)
    grid = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)
    distance = np.linalg.norm((grid - centre) * (1.0, 1.2, 1.5), axis=-1)
    mask = np.where(distance < 3.5, 1, np.where(distance < 5.5, 2, 0)).astype(np.uint8)
    grey = np.choose(mask, (100, 300, 200)) + chance.normal(0, 20, shape)
    return grey.astype(np.float32), mask
