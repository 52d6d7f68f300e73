"""A slide experiment on small slides, and what it is trained on."""

from pathlib import Path

from fakes import slides

from datamodules.configs.slide_tiles import TilesConfig
from datamodules.configs.slides import FeatureBags, SlidesConfig, TileBags
from datamodules.configs.splits import SplitConfig
from datamodules.readers.slides_csv import SlidesCsvReader
from experiments.configs.logging import LoggingConfig
from experiments.configs.trainer import TrainerConfig
from experiments.experiment import Experiment
from lightning_modules.configs.bag_networks import GatedAttentionPoolingConfig, TileNetworkSettings
from lightning_modules.configs.optimizers import AdamWConfig
from lightning_modules.configs.slide_classifier import SlideClassifierConfig

FEATURES = FeatureBags(encoder="resnet10t", pretrained=False, tiles_at_once=32)


def slide_experiment(
    root: Path, *, bags: FeatureBags | TileBags = FEATURES, epochs: int = 3, **data: object
) -> Experiment:
    """Pink slides and slides with a violet middle, in tiles of 32 pixels of 2 um."""
    if not root.exists():
        slides.write(root)
    return Experiment(
        name="slides",
        data=SlidesConfig(
            reader=SlidesCsvReader(
                root=str(root),
                table="labels.csv",
                label_columns=("label",),
                classes=("normal", "tumour"),
                patient_column="patient",
                site_column="site",
            ),
            tiles=TilesConfig(size=32, um_per_pixel=2.0, least_sharpness=0),
            bags=bags,
            split=SplitConfig(val_fraction=0.25, test_fraction=0.25),
            bag_tiles=8,
            batch_size=2,
            workers=0,
            **data,
        ),
        task=SlideClassifierConfig(
            network=GatedAttentionPoolingConfig(
                hidden=(16,),
                tiles=TileNetworkSettings(encoder="resnet10t", pretrained=False),
                tiles_at_once=32,
            ),
            optimizer=AdamWConfig(lr=1e-2),
        ),
        trainer=TrainerConfig(max_epochs=epochs, accelerator="cpu"),
        logging=LoggingConfig(wandb="off", bootstrap_samples=100),
    )
