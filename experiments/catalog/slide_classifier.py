"""Whole-slide classification: named experiments."""

from datamodules.configs.slide_tiles import TilesConfig
from datamodules.configs.slides import FeatureBags, SlidesConfig
from datamodules.configs.splits import SplitConfig
from datamodules.readers.camelyon16 import Camelyon16Reader
from datamodules.readers.demo import DemoReader
from datamodules.readers.mil_mat import MilMatReader
from datamodules.readers.slides_csv import SlidesCsvReader
from datamodules.readers.tcga_slides import TcgaReader
from datamodules.readers.tile_features import FeaturesReader
from experiments.configs.trainer import TrainerConfig
from experiments.experiment import Experiment
from lightning_modules.configs.optimizers import AdamWConfig
from lightning_modules.configs.slide_classifier import SlideClassifierConfig

SCHEDULE = TrainerConfig(max_epochs=100, early_stopping_epochs=10)


def demo_slide() -> Experiment:
    """Tumour in drawn slides of tissue; runs at once, nothing to download.

    The encoder has random weights, which tell drawn nuclei apart, and no others.
    """
    return Experiment(
        name="demo-slide",
        data=SlidesConfig(
            reader=DemoReader(name="slide"),
            tiles=TilesConfig(size=64, um_per_pixel=1.0),
            bags=FeatureBags(encoder="resnet10t", pretrained=False),
            split=SplitConfig(val_fraction=0.15),
        ),
        task=SlideClassifierConfig(optimizer=AdamWConfig(lr=1e-3, weight_decay=1e-4)),
        trainer=TrainerConfig(max_epochs=60),
    )


def slides_csv() -> Experiment:
    """Your own slides and labels in a table: --data.reader.root DIR."""
    return Experiment(
        name="slides-csv",
        data=SlidesConfig(reader=SlidesCsvReader()),
        task=SlideClassifierConfig(),
        trainer=SCHEDULE,
    )


def slide_features() -> Experiment:
    """Features of tiles from TRIDENT, CLAM or others, and a table: --data.reader.root DIR."""
    return Experiment(
        name="slide-features",
        data=SlidesConfig(reader=FeaturesReader()),
        task=SlideClassifierConfig(),
        trainer=SCHEDULE,
    )


def camelyon16() -> Experiment:
    """Metastases in lymph nodes (CAMELYON16), official test slides."""
    return Experiment(
        name="camelyon16",
        data=SlidesConfig(reader=Camelyon16Reader()),
        task=SlideClassifierConfig(),
        trainer=SCHEDULE,
    )


def tcga_slides() -> Experiment:
    """Slides of TCGA with labels of a table, all slides of a patient in one bag."""
    return Experiment(
        name="tcga-slides",
        data=SlidesConfig(reader=TcgaReader(), unit="patient"),
        task=SlideClassifierConfig(),
        trainer=SCHEDULE,
    )


def musk1() -> Experiment:
    """Molecules that smell of musk, bags of 166 features (Dietterich 1997); no slides at all."""
    return Experiment(
        name="musk1",
        data=SlidesConfig(
            reader=MilMatReader(file=("musk1",)),
            split=SplitConfig(val_fraction=0.1),
            batch_size=1,
        ),
        task=SlideClassifierConfig(),
        trainer=TrainerConfig(max_epochs=60, keep="last"),
    )


def musk2() -> Experiment:
    """The larger set: fewer molecules that smell of musk, with more shapes each."""
    like = musk1()
    assert isinstance(like.data, SlidesConfig)
    reader = MilMatReader(file=("musk2",))
    return like.replace(name="musk2", data=like.data.replace(reader=reader))
