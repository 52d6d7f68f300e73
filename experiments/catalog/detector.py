"""Detection: named experiments."""

from datamodules.configs.boxes import BoxesConfig
from datamodules.configs.splits import SplitConfig
from datamodules.configs.volume_augmentation import VolumeAugmentation
from datamodules.configs.volume_preprocessing import (
    CtWindow,
    RescaleRange,
    Rgb,
    VolumePreprocessing,
)
from datamodules.readers.boxes_csv import BoxesCsvReader
from datamodules.readers.coco import CocoReader
from datamodules.readers.demo import DemoReader
from datamodules.readers.jsrt import JsrtReader
from datamodules.readers.luna16 import Luna16Reader
from datamodules.readers.nih_chestxray14 import NihChestXray14Reader
from datamodules.readers.rsna_pneumonia import RsnaPneumoniaReader
from datamodules.readers.voc import VocReader
from datamodules.readers.yolo import YoloReader
from experiments.configs.trainer import TrainerConfig
from experiments.experiment import Experiment
from lightning_modules.configs.detection_networks import (
    FasterRCNNConfig,
    RetinaNetConfig,
    SingleBoxConfig,
)
from lightning_modules.configs.detector import DetectionInferenceConfig, DetectorConfig
from lightning_modules.configs.optimizers import AdamWConfig, ScheduleConfig

COLOURS = VolumePreprocessing(crop_to_nonzero=False, normalisation=Rgb(), order=1)
FILMS = VolumePreprocessing(crop_to_nonzero=False, normalisation=RescaleRange(), order=1)
FREE = VolumeAugmentation(
    rotation_probability=0,
    scale_probability=0.5,
    scale=(0.8, 1.25),
    low_resolution_probability=0,
    inverted_gamma_probability=0,
)
"""Of what may lie in any direction."""
UPRIGHT = VolumeAugmentation(
    rotation_probability=0.5,
    rotation_degrees=5,
    scale_probability=0.5,
    scale=(0.85, 1.2),
    mirror=(),
    low_resolution_probability=0,
    inverted_gamma_probability=0,
)
"""Of chests: the heart is on one side."""


def demo_detection() -> Experiment:
    """Cells of three kinds in drawn blood smears; runs at once, nothing to download."""
    return Experiment(
        name="demo-detection",
        data=BoxesConfig(
            reader=DemoReader(name="detection"),
            preprocessing=COLOURS,
            patch=(192, 192),
            augmentation=FREE,
        ),
        task=DetectorConfig(optimizer=AdamWConfig(lr=3e-3, weight_decay=1e-4)),
        trainer=TrainerConfig(max_epochs=12, clip_gradient_norm=10.0),
    )


def demo_detection_3d() -> Experiment:
    """Nodules among vessels in drawn CT; runs at once, nothing to download."""
    return Experiment(
        name="demo-detection-3d",
        data=BoxesConfig(
            reader=DemoReader(name="detection-3d"),
            preprocessing=VolumePreprocessing(
                crop_to_nonzero=False,
                normalisation=CtWindow(low=-1000, high=400, mean=-600, std=400),
                spacing_mm=(1.5, 1.5, 1.5),
                order=1,
            ),
            patch=(48, 48, 48),
            augmentation=FREE,
            batch_size=4,
            batches_per_epoch=25,
        ),
        task=DetectorConfig(
            network=RetinaNetConfig(),
            optimizer=AdamWConfig(lr=2e-3, weight_decay=1e-4),
            monitor="map_10",
        ),
        trainer=TrainerConfig(max_epochs=10, clip_gradient_norm=10.0),
    )


def bccd() -> Experiment:
    """Blood cells in 364 microscope images (BCCD), its own lists; 30 minutes on two cores."""
    return Experiment(
        name="bccd",
        data=BoxesConfig(
            reader=VocReader(dataset="bccd", public_images=True),
            preprocessing=COLOURS.replace(spacing_mm=(2.0, 2.0)),
            patch=(240, 320),
            augmentation=FREE,
        ),
        task=DetectorConfig(
            network=FasterRCNNConfig(encoder="light"),
            optimizer=AdamWConfig(lr=3e-3, weight_decay=0.02),
        ),
        trainer=TrainerConfig(max_epochs=40, clip_gradient_norm=12.0, validate_every_epochs=3),
    )


def voc_boxes() -> Experiment:
    """Your own images with boxes in Pascal VOC's XML: --data.reader.root DIR."""
    return _own("voc-boxes", BoxesConfig(reader=VocReader(), preprocessing=COLOURS))


def coco_boxes() -> Experiment:
    """Your own images with boxes in COCO's json: --data.reader.root DIR."""
    return _own("coco-boxes", BoxesConfig(reader=CocoReader(), preprocessing=COLOURS))


def yolo_boxes() -> Experiment:
    """Your own images with boxes in YOLO's text files: --data.reader.root DIR."""
    return _own("yolo-boxes", BoxesConfig(reader=YoloReader(), preprocessing=COLOURS))


def boxes_csv() -> Experiment:
    """Your own images or volumes and a table of boxes: --data.reader.root DIR."""
    return _own("boxes-csv", BoxesConfig(reader=BoxesCsvReader(), preprocessing=COLOURS))


def rsna_pneumonia_boxes() -> Experiment:
    """Opacities in 26,684 chest films (RSNA Pneumonia Detection Challenge)."""
    return _own("rsna-pneumonia-boxes", _films(RsnaPneumoniaReader(), spacing=2.0))


def nih_chestxray14_boxes() -> Experiment:
    """Eight findings in the 880 films of NIH ChestX-ray14 that have boxes."""
    return _own("nih-chestxray14-boxes", _films(NihChestXray14Reader(), spacing=2.0))


def jsrt_nodules() -> Experiment:
    """Nodules in chest films (JSRT), with its table of their places."""
    return _own("jsrt-nodules", _films(JsrtReader(), spacing=4.0))


def jsrt_heart() -> Experiment:
    """The heart in one box in each chest film (JSRT), from its masks."""
    return Experiment(
        name="jsrt-heart",
        data=BoxesConfig(
            reader=JsrtReader(),
            boxes_from="masks",
            classes=("heart",),
            preprocessing=FILMS.replace(spacing_mm=(16.0, 16.0)),
            patch=(128, 128),
            object_share=0,
            augmentation=UPRIGHT,
            batch_size=4,
            batches_per_epoch=20,
        ),
        task=DetectorConfig(network=SingleBoxConfig(), monitor="iou"),
        trainer=TrainerConfig(max_epochs=30, clip_gradient_norm=10.0),
    )


def luna16() -> Experiment:
    """Nodules in 888 chest CT (LUNA16), in patches; hits as its challenge counts them."""
    return Experiment(
        name="luna16",
        data=BoxesConfig(
            reader=Luna16Reader(),
            preprocessing=VolumePreprocessing(
                normalisation=CtWindow(low=-1000, high=400, mean=-600, std=400),
                spacing_mm=(0.703125, 0.703125, 1.25),
                order=1,
            ),
            patch=(192, 192, 80),
            augmentation=FREE,
            split=SplitConfig(val_fraction=0.1, test_fraction=0.1),
            batch_size=4,
            batches_per_epoch=250,
        ),
        task=DetectorConfig(
            network=RetinaNetConfig(),
            optimizer=AdamWConfig(
                lr=1e-3, weight_decay=1e-4, schedule=ScheduleConfig(warmup_steps=1000)
            ),
            inference=DetectionInferenceConfig(windows=True, overlap=0.25),
            hit_rule="radius",
            monitor="froc_cpm",
        ),
        trainer=TrainerConfig(max_epochs=60, precision="bf16-mixed", validate_every_epochs=5),
    )


def _films(
    reader: RsnaPneumoniaReader | NihChestXray14Reader | JsrtReader, spacing: float
) -> BoxesConfig:
    """Films of some thousand pixels a side, at a part of that."""
    return BoxesConfig(
        reader=reader,
        preprocessing=FILMS.replace(spacing_mm=(spacing, spacing)),
        patch=(512, 512),
        object_share=0,
        augmentation=UPRIGHT,
    )


def _own(name: str, data: BoxesConfig) -> Experiment:
    return Experiment(
        name=name,
        data=data,
        task=DetectorConfig(),
        trainer=TrainerConfig(max_epochs=100, clip_gradient_norm=10.0, early_stopping_epochs=20),
    )
