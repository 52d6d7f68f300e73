"""X-ray classification: named experiments."""

from datamodules.configs.xrays import XrayAugmentation, XrayPreprocessing, XraysConfig
from datamodules.readers.chexpert import ChexpertReader
from datamodules.readers.csv_table import CsvReader
from datamodules.readers.demo import DemoReader
from datamodules.readers.folder import FolderReader
from datamodules.readers.medmnist import MedMnistReader
from datamodules.readers.mimic_cxr import MimicCxrReader
from datamodules.readers.nih_chestxray14 import NihChestXray14Reader
from datamodules.readers.padchest import PadChestReader
from datamodules.readers.rsna_pneumonia import RsnaPneumoniaReader
from experiments.configs.trainer import TrainerConfig
from experiments.experiment import Experiment
from lightning_modules.configs.losses import CrossEntropyConfig
from lightning_modules.configs.optimizers import AdamWConfig
from lightning_modules.configs.xray_classifier import XrayClassifierConfig
from lightning_modules.configs.xray_networks import TimmNetworkConfig, TwoStreamNetworkConfig


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


def demo_xray_shortcut() -> Experiment:
    """The same with a planted shortcut, which the report exposes."""
    plain = demo_xray()
    data = plain.data.replace(reader=DemoReader(name="xray-shortcut"))
    return plain.replace(name="demo-xray-shortcut", data=data)


def demo_xray_candidates() -> Experiment:
    """Nodule or nothing, at given places of the drawn films: two streams, context and detail."""
    demo = demo_xray()
    return demo.replace(
        name="demo-xray-candidates",
        data=XraysConfig(
            reader=DemoReader(candidates=True), preprocessing=XrayPreprocessing(size=48)
        ),
        task=XrayClassifierConfig(
            network=TwoStreamNetworkConfig(encoder="resnet10t", pretrained=False, reduction=1),
            optimizer=demo.task.optimizer,
        ),
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


def chexpert() -> Experiment:
    """Fourteen observations in 191,229 frontal chest films (CheXpert)."""
    return Experiment(
        name="chexpert",
        data=XraysConfig(reader=ChexpertReader()),
        trainer=TrainerConfig(max_epochs=10, precision="16-mixed"),
    )


def mimic_cxr() -> Experiment:
    """Fourteen observations in the frontal chest films of MIMIC-CXR, official split."""
    return Experiment(
        name="mimic-cxr",
        data=XraysConfig(reader=MimicCxrReader()),
        trainer=TrainerConfig(max_epochs=10, precision="16-mixed"),
    )


def rsna_pneumonia() -> Experiment:
    """Lung opacity in 26,684 chest films (RSNA Pneumonia Challenge 2018)."""
    return Experiment(
        name="rsna-pneumonia",
        data=XraysConfig(reader=RsnaPneumoniaReader()),
        trainer=TrainerConfig(max_epochs=20, precision="16-mixed"),
    )


def padchest() -> Experiment:
    """Twenty-six findings in the frontal chest films of PadChest."""
    return Experiment(
        name="padchest",
        data=XraysConfig(
            reader=PadChestReader(),
            preprocessing=XrayPreprocessing(clip_percentiles=(0.5, 99.5)),
        ),
        trainer=TrainerConfig(max_epochs=20, precision="16-mixed"),
    )
