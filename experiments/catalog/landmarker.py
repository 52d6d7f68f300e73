"""Landmarks: named experiments."""

from datamodules.configs.landmarks import LandmarksConfig
from datamodules.configs.volume_augmentation import VolumeAugmentation
from datamodules.configs.volume_preprocessing import RescaleRange, VolumePreprocessing, ZScore
from datamodules.readers.cephalometric import CephalometricReader
from datamodules.readers.coco import CocoReader
from datamodules.readers.demo import DemoReader
from datamodules.readers.jsrt import JsrtReader
from datamodules.readers.markups import MarkupsReader
from datamodules.readers.points_csv import PointsCsvReader
from experiments.configs.trainer import TrainerConfig
from experiments.experiment import Experiment
from lightning_modules.configs.landmark_losses import CrossEntropyHeatmap
from lightning_modules.configs.landmark_measures import (
    AngleConfig,
    DifferenceConfig,
    ExtentConfig,
    PointGroupConfig,
    RatioConfig,
)
from lightning_modules.configs.landmark_networks import CoarseToFineConfig, HeatmapUNetConfig
from lightning_modules.configs.landmarker import LandmarkerConfig
from lightning_modules.configs.optimizers import AdamWConfig
from lightning_modules.configs.segmentation_networks import UNetConfig

UPRIGHT = VolumeAugmentation(
    rotation_probability=0.7,
    rotation_degrees=12,
    scale_probability=0.7,
    scale=(0.85, 1.18),
    mirror=(),
    low_resolution_probability=0,
    inverted_gamma_probability=0,
)
"""Of films that are taken upright."""
CARDIOTHORACIC_RATIO = RatioConfig(
    name="cardiothoracic_ratio", numerator="heart_width", denominator="thorax_width"
)


def demo_landmarks() -> Experiment:
    """Twelve points and the heart's share of the chest in drawn films; nothing to download."""
    return Experiment(
        name="demo-landmarks",
        data=LandmarksConfig(
            reader=DemoReader(name="landmarks"),
            preprocessing=VolumePreprocessing(
                crop_to_nonzero=False, normalisation=RescaleRange(), order=1, spacing_mm=(2.0, 2.0)
            ),
            patch=(128, 128),
            augmentation=UPRIGHT,
        ),
        task=LandmarkerConfig(
            optimizer=AdamWConfig(lr=5e-3, weight_decay=1e-4),
            measures=(
                ExtentConfig(name="heart_width", points=("*_heart_border",)),
                ExtentConfig(name="thorax_width", points=("*_chest_wall",)),
                CARDIOTHORACIC_RATIO,
            ),
        ),
        trainer=TrainerConfig(max_epochs=14, clip_gradient_norm=10.0),
    )


def cephalometric() -> Experiment:
    """19 points of 400 lateral cephalograms (ISBI 2015), Tests 1 and 2; against both doctors."""
    return Experiment(
        name="cephalometric",
        data=LandmarksConfig(
            reader=CephalometricReader(),
            preprocessing=VolumePreprocessing(
                crop_to_nonzero=False, normalisation=ZScore(), order=1, spacing_mm=(0.4, 0.4)
            ),
            patch=(640, 512),
            augmentation=UPRIGHT,
        ),
        task=LandmarkerConfig(
            network=CoarseToFineConfig(
                coarse=UNetConfig(base_features=16, max_features=128, deep_supervision=False),
                fine=UNetConfig(base_features=16, max_features=64, deep_supervision=False),
                reduction=4,
                crop=40,
            ),
            optimizer=AdamWConfig(lr=2e-3, weight_decay=1e-4),
            groups=(
                PointGroupConfig(name="without landmark 16", without=("soft_tissue_pogonion",)),
            ),
            measures=(
                AngleConfig(name="sna", points=("sella", "nasion", "subspinale")),
                AngleConfig(name="snb", points=("sella", "nasion", "supramentale")),
                DifferenceConfig(name="anb", minuend="sna", subtrahend="snb"),
            ),
            monitor="mre_mm",
        ),
        trainer=TrainerConfig(max_epochs=40, clip_gradient_norm=10.0, validate_every_epochs=5),
    )


def jsrt_landmarks() -> Experiment:
    """Outlines of lungs, heart and collar bones as 166 points (JSRT), and the heart's share."""
    return Experiment(
        name="jsrt-landmarks",
        data=LandmarksConfig(
            reader=JsrtReader(declare_spacing=True),
            preprocessing=VolumePreprocessing(
                crop_to_nonzero=False, normalisation=RescaleRange(), order=1, spacing_mm=(2.8, 2.8)
            ),
            patch=(128, 128),
            augmentation=UPRIGHT,
            batches_per_epoch=10,
        ),
        task=LandmarkerConfig(
            network=HeatmapUNetConfig(heatmap_loss=CrossEntropyHeatmap(sigma=1.5)),
            optimizer=AdamWConfig(lr=5e-3, weight_decay=1e-4),
            groups=(
                PointGroupConfig(name="lungs", points=("*_lung_*",)),
                PointGroupConfig(name="heart", points=("heart_*",)),
                PointGroupConfig(name="collar bones", points=("*_clavicle_*",)),
            ),
            measures=(
                ExtentConfig(name="heart_width", points=("heart_*",)),
                ExtentConfig(name="thorax_width", points=("*_lung_*",)),
                CARDIOTHORACIC_RATIO,
            ),
            monitor="mre_mm",
        ),
        trainer=TrainerConfig(max_epochs=60, clip_gradient_norm=10.0, validate_every_epochs=5),
    )


def points_csv() -> Experiment:
    """Your own images or volumes and a table of landmarks: --data.reader.root DIR."""
    return _own("points-csv", LandmarksConfig(reader=PointsCsvReader()))


def coco_keypoints() -> Experiment:
    """Your own images with keypoints in COCO's json: --data.reader.root DIR."""
    return _own("coco-keypoints", LandmarksConfig(reader=CocoReader()))


def markups() -> Experiment:
    """Your own images or volumes, each beside a .mrk.json of 3D Slicer: --data.reader.root DIR."""
    return _own("markups", LandmarksConfig(reader=MarkupsReader()))


def _own(name: str, data: LandmarksConfig) -> Experiment:
    return Experiment(
        name=name,
        data=data,
        task=LandmarkerConfig(),
        trainer=TrainerConfig(max_epochs=100, clip_gradient_norm=10.0, early_stopping_epochs=20),
    )
