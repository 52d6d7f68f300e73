"""Survival from whole slides: named experiments."""

from datamodules.configs.slide_survival import SurvivalSlidesConfig
from datamodules.configs.splits import SplitConfig
from datamodules.readers.demo_survival import DemoSurvivalReader
from datamodules.readers.slides_csv import SlidesCsvReader
from datamodules.readers.tcga_slides import TcgaReader
from datamodules.readers.tile_features import FeaturesReader
from experiments.configs.trainer import TrainerConfig
from experiments.experiment import Experiment
from lightning_modules.configs.optimizers import AdamWConfig
from lightning_modules.configs.slide_survival import SlideSurvivalConfig

SCHEDULE = TrainerConfig(max_epochs=100, early_stopping_epochs=10)


def demo_survival() -> Experiment:
    """How long patients live, from drawn features of tiles; runs at once, nothing to download."""
    return Experiment(
        name="demo-survival",
        data=SurvivalSlidesConfig(reader=DemoSurvivalReader(), split=SplitConfig(val_fraction=0.2)),
        task=SlideSurvivalConfig(optimizer=AdamWConfig(lr=1e-2, weight_decay=1e-4)),
        trainer=TrainerConfig(max_epochs=15),
    )


def survival_csv() -> Experiment:
    """Your own slides in a table with columns slide, patient, time, event."""
    return Experiment(
        name="survival-csv",
        data=SurvivalSlidesConfig(
            reader=SlidesCsvReader(
                patient_column="patient", time_column="time", event_column="event"
            )
        ),
        task=SlideSurvivalConfig(),
        trainer=SCHEDULE,
    )


def survival_features() -> Experiment:
    """Features of tiles from TRIDENT, CLAM or others, and such a table."""
    return Experiment(
        name="survival-features",
        data=SurvivalSlidesConfig(
            reader=FeaturesReader(
                patient_column="patient", time_column="time", event_column="event"
            )
        ),
        task=SlideSurvivalConfig(),
        trainer=SCHEDULE,
    )


def tcga_survival() -> Experiment:
    """Slides of TCGA, and a table with the columns patient, time and event."""
    return Experiment(
        name="tcga-survival",
        data=SurvivalSlidesConfig(reader=TcgaReader(time_column="time", event_column="event")),
        task=SlideSurvivalConfig(),
        trainer=SCHEDULE,
    )
