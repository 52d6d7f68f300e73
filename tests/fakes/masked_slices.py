"""A 2D segmentation experiment that takes seconds: discs with a core, in PNG files."""

from pathlib import Path

import numpy as np
from fakes.mask_files import ball, write_image, write_slice

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

STRUCTURES = ("disc=1", "core=2")
SHAPE = (32, 28)


def slice_experiment(root: Path, images: int = 16, epochs: int = 1) -> Experiment:
    """Writes the images under ``root`` and returns the experiment on them."""
    write_slices(root, images)
    return Experiment(
        name="discs",
        data=MasksConfig(
            reader=ImageMaskFoldersReader(root=str(root), structures=STRUCTURES),
            preprocessing=VolumePreprocessing(crop_to_nonzero=False),
            augmentation=LIGHT,
            patch=(16, 16),
            batch_size=4,
            batches_per_epoch=20,
            workers=0,
        ),
        task=SegmenterConfig(
            network=UNetConfig(base_features=8),
            optimizer=AdamWConfig(lr=1e-2),
            inference=SlidingWindowConfig(mirror=False),
        ),
        trainer=TrainerConfig(max_epochs=epochs, log_every_steps=1),
        logging=LoggingConfig(wandb="off", bootstrap_samples=100),
    )


def write_slices(
    root: Path, images: int, seed: int = 0, separate: tuple[str, ...] = (), channels: int = 1
) -> None:
    """So many images, with a label map each, or with a mask of each structure that is named."""
    rng = np.random.default_rng(seed)
    for number in range(images):
        mask, name = ball(rng, SHAPE), f"{number}.png"
        write_slice(root / "images" / name, np.stack([mask] * channels, -1).squeeze(), rng)
        for structure in separate:
            inside = mask == ("disc", "core").index(structure) + 1
            write_image(root / "masks" / structure / name, 255 * inside)
        if not separate:
            write_image(root / "masks" / name, mask)
