"""X-ray classification: named experiments."""

from datamodules.configs.xrays import XrayAugmentation, XrayPreprocessing, XraysConfig
from datamodules.readers.csv_table import CsvReader
from datamodules.readers.demo import DemoReader
from datamodules.readers.folder import FolderReader
from datamodules.readers.medmnist import MedMnistReader
from datamodules.readers.nih_chestxray14 import NihChestXray14Reader
from experiments.configs.trainer import TrainerConfig
from experiments.experiment import Experiment
from lightning_modules.configs.losses import CrossEntropyConfig
from lightning_modules.configs.networks import TimmNetworkConfig
from lightning_modules.configs.optimizers import AdamWConfig
from lightning_modules.configs.xray_classifier import XrayClassifierConfig


def demo_xray() -> Experiment:
    """A nodule in drawn chest films; runs at once, nothing to download."""
    return Experiment(
        name="demo-xray",
        data=XraysConfig(
            reader=DemoReader(name="xray"),
            labels=("Nodule",),
            preprocessing=XrayPreprocessing(size=64),
        ),
        task=XrayClassifierConfig(
            network=TimmNetworkConfig(encoder="resnet10t", pretrained=False),
            optimizer=AdamWConfig(lr=1e-3, weight_decay=1e-2),
        ),
        trainer=TrainerConfig(max_epochs=10),
    )


def xray_csv() -> Experiment:
    """Your own films listed in a table: --data.reader.root DIR."""
    return Experiment(name="xray-csv", data=XraysConfig(reader=CsvReader()))


def xray_folders() -> Experiment:
    """Your own films in one folder a class: --data.reader.root DIR."""
    return Experiment(name="xray-folders", data=XraysConfig(reader=FolderReader()))


def pneumoniamnist() -> Experiment:
    """Pneumonia in children's chest films, 28 px (MedMNIST v2), from scratch."""
    return Experiment(
        name="pneumoniamnist",
        data=XraysConfig(
            reader=MedMnistReader(flag="pneumoniamnist"),
            preprocessing=XrayPreprocessing(size=28),
            augmentation=XrayAugmentation(translation=0.1, contrast=0.2, noise=0.03, erase=0.25),
            sampling="class-balanced",
            batch_size=64,
        ),
        task=XrayClassifierConfig(
            network=TimmNetworkConfig(encoder="resnet18", pretrained=False),
            loss=CrossEntropyConfig(label_smoothing=0.05),
            optimizer=AdamWConfig(lr=1e-3, weight_decay=1e-2),
        ),
        trainer=TrainerConfig(max_epochs=10),
    )


def nih_chestxray14() -> Experiment:
    """Fourteen findings in 112,120 chest films (NIH ChestX-ray14), official test list."""
    return Experiment(
        name="nih-chestxray14",
        data=XraysConfig(reader=NihChestXray14Reader()),
        trainer=TrainerConfig(max_epochs=20, precision="16-mixed"),
    )
