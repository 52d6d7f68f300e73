"""Segmentation: named experiments."""

from datamodules.configs.masks import MasksConfig
from datamodules.configs.volumes import VolumePreprocessing
from datamodules.readers.msd import MsdReader
from experiments.configs.trainer import TrainerConfig
from experiments.experiment import Experiment
from lightning_modules.configs.segmentation_networks import UNetConfig
from lightning_modules.configs.segmenter import SegmenterConfig


def hippocampus() -> Experiment:
    """Anterior and posterior hippocampus in MR (Decathlon), 3D, nnU-Net's recipe."""
    return Experiment(
        name="hippocampus",
        data=MasksConfig(
            reader=MsdReader(task="hippocampus"),
            preprocessing=VolumePreprocessing(spacing_mm=(1.0, 1.0, 1.0)),
            patch=(40, 56, 40),
            batch_size=9,
            batches_per_epoch=250,
        ),
        task=SegmenterConfig(network=UNetConfig()),
        trainer=TrainerConfig(max_epochs=1000, clip_gradient_norm=12.0, log_every_steps=50),
    )
