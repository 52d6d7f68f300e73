"""Volume classification: named experiments."""

from datamodules.configs.splits import SplitConfig
from datamodules.configs.volume_augmentation import LIGHT, VolumeAugmentation
from datamodules.configs.volume_preprocessing import CtWindow, RescaleRange, VolumePreprocessing
from datamodules.configs.volumes import CroppedFit, ResizedFit, VolumesConfig
from datamodules.readers.csv_table import CsvReader
from datamodules.readers.demo import DemoReader
from datamodules.readers.folder import FolderReader
from datamodules.readers.medmnist import MedMnistReader
from experiments.configs.trainer import TrainerConfig
from experiments.experiment import Experiment
from lightning_modules.configs.optimizers import AdamWConfig
from lightning_modules.configs.volume_classifier import VolumeClassifierConfig
from lightning_modules.configs.volume_networks import ResNet3dConfig

SHAPES = VolumeAugmentation(
    rotation_degrees=30.0,
    rotation_probability=0.7,
    scale=(0.95, 1.05),
    scale_probability=0.5,
    noise_probability=0,
    blur_probability=0,
    brightness_probability=0,
    contrast_probability=0,
    low_resolution_probability=0,
    gamma_probability=0,
    inverted_gamma_probability=0,
)
"""For masks: turned and mirrored, hardly scaled, as size is what tells them apart."""
LUNG = CtWindow(low=-1000, high=400, mean=-300, std=400)
"""Lung and soft tissue together."""


def demo_volume() -> Experiment:
    """Nodules in drawn CT, benign or malignant; runs at once, nothing to download."""
    return Experiment(
        name="demo-volume",
        data=VolumesConfig(
            reader=DemoReader(name="volume"),
            preprocessing=VolumePreprocessing(
                crop_to_nonzero=False, normalisation=LUNG, spacing_mm=(1.25, 1.25, 2.5)
            ),
            fit=CroppedFit(size=(48, 48, 24)),
            split=SplitConfig(val_fraction=0.15),
            augmentation=LIGHT,
            batch_size=16,
        ),
        task=VolumeClassifierConfig(
            network=ResNet3dConfig(depth=10, base_features=16, stem="standard"),
            optimizer=AdamWConfig(lr=3e-3),
        ),
        trainer=TrainerConfig(max_epochs=25),
    )


def volume_csv() -> Experiment:
    """Your own volumes, DICOM series or candidates in a table: --data.reader.root DIR."""
    return Experiment(
        name="volume-csv",
        data=VolumesConfig(reader=CsvReader()),
        task=VolumeClassifierConfig(),
        trainer=TrainerConfig(max_epochs=60),
    )


def volume_folder() -> Experiment:
    """Your own volumes or DICOM series in one folder a class: --data.reader.root DIR."""
    return Experiment(
        name="volume-folder",
        data=VolumesConfig(reader=FolderReader()),
        task=VolumeClassifierConfig(),
        trainer=TrainerConfig(max_epochs=60),
    )


def adrenalmnist3d() -> Experiment:
    """Adrenal glands, normal or hyperplastic, as 28 x 28 x 28 shapes (MedMNIST v2)."""
    return Experiment(
        name="adrenalmnist3d",
        data=VolumesConfig(
            reader=MedMnistReader(flag="adrenalmnist3d"),
            preprocessing=VolumePreprocessing(
                crop_to_nonzero=False, normalisation=RescaleRange(), order=1
            ),
            fit=ResizedFit(size=(28, 28, 28)),
            augmentation=SHAPES,
            batch_size=32,
        ),
        task=VolumeClassifierConfig(
            network=ResNet3dConfig(depth=18, base_features=32, stem="standard"),
            optimizer=AdamWConfig(lr=1e-3),
            mirror=True,
        ),
        trainer=TrainerConfig(max_epochs=32),
    )
