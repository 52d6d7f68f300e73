"""Segmentation: named experiments."""

from datamodules.configs.masks import MasksConfig
from datamodules.configs.splits import SplitConfig
from datamodules.configs.volume_augmentation import VolumeAugmentation
from datamodules.configs.volume_preprocessing import Rgb, VolumePreprocessing
from datamodules.readers.acdc import AcdcReader
from datamodules.readers.brats import BratsReader
from datamodules.readers.chase_db1 import ChaseDb1Reader
from datamodules.readers.demo import DemoReader
from datamodules.readers.drive import DriveReader
from datamodules.readers.image_mask_folders import ImageMaskFoldersReader
from datamodules.readers.isic import IsicReader
from datamodules.readers.jsrt import JsrtReader
from datamodules.readers.lits import LitsReader
from datamodules.readers.msd import MsdReader
from datamodules.readers.nnunet_raw import NnUnetRawReader
from datamodules.readers.siim_acr import SiimAcrReader
from experiments.configs.trainer import TrainerConfig
from experiments.experiment import Experiment
from lightning_modules.configs.optimizers import AdamWConfig
from lightning_modules.configs.segmentation_losses import DiceCrossEntropyConfig
from lightning_modules.configs.segmentation_networks import UNetConfig
from lightning_modules.configs.segmenter import SegmenterConfig, SlidingWindowConfig

NNUNET = TrainerConfig(max_epochs=1000, clip_gradient_norm=12.0, validate_every_epochs=5)
FAST = AdamWConfig(lr=3e-3, weight_decay=1e-4)
"""For runs of few steps, in which SGD at nnU-Net's rate has not come far."""


def demo_segmentation_2d() -> Experiment:
    """Ventricle and myocardium in drawn heart slices; runs at once, nothing to download."""
    return Experiment(
        name="demo-segmentation-2d",
        data=MasksConfig(
            reader=DemoReader(name="segmentation-2d"),
            preprocessing=VolumePreprocessing(crop_to_nonzero=False),
            patch=(128, 128),
            batch_size=8,
            batches_per_epoch=25,
        ),
        task=SegmenterConfig(
            network=UNetConfig(base_features=16, max_features=128),
            loss=DiceCrossEntropyConfig(batch_dice=True),
            optimizer=FAST,
            inference=SlidingWindowConfig(mirror=False),
        ),
        trainer=TrainerConfig(max_epochs=6, clip_gradient_norm=12.0),
    )


def demo_segmentation_3d() -> Experiment:
    """Kidney and tumour in drawn volumes; runs at once, nothing to download."""
    return Experiment(
        name="demo-segmentation-3d",
        data=MasksConfig(
            reader=DemoReader(name="segmentation-3d"),
            preprocessing=VolumePreprocessing(crop_to_nonzero=False),
            patch=(48, 48, 32),
            batch_size=2,
            batches_per_epoch=25,
        ),
        task=SegmenterConfig(
            network=UNetConfig(base_features=16, max_features=128),
            optimizer=FAST,
            inference=SlidingWindowConfig(mirror=False),
        ),
        trainer=TrainerConfig(max_epochs=10, clip_gradient_norm=12.0),
    )


def segmentation_folders() -> Experiment:
    """Your own images and masks in two folders: --data.reader.root DIR."""
    return Experiment(
        name="segmentation-folders",
        data=MasksConfig(reader=ImageMaskFoldersReader()),
        task=SegmenterConfig(),
        trainer=NNUNET,
    )


def segmentation_nnunet() -> Experiment:
    """Your own dataset in nnU-Net's raw layout: --data.reader.root DIR."""
    return Experiment(
        name="segmentation-nnunet",
        data=MasksConfig(reader=NnUnetRawReader()),
        task=SegmenterConfig(),
        trainer=NNUNET,
    )


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
        task=SegmenterConfig(),
        trainer=NNUNET,
    )


def hippocampus_short() -> Experiment:
    """The same recipe for two CPU cores: half as wide, 1,120 steps, a fold in a quarter hour.

    Mirrored left and right only: in so few steps the network cannot learn eight orientations.
    """
    whole = hippocampus()
    assert isinstance(whole.data, MasksConfig)
    return whole.replace(
        name="hippocampus-short",
        data=whole.data.replace(
            batch_size=2,
            batches_per_epoch=80,
            augmentation=VolumeAugmentation(mirror=(0,)),
            split=SplitConfig(val_fraction=0.1),
        ),
        task=SegmenterConfig(network=UNetConfig(base_features=16), optimizer=FAST),
        trainer=NNUNET.replace(max_epochs=14, validate_every_epochs=2),
    )


def chase_db1() -> Experiment:
    """Retinal vessels in fundus photographs (CHASE_DB1), split by child."""
    return Experiment(
        name="chase-db1",
        data=MasksConfig(
            reader=ChaseDb1Reader(),
            preprocessing=VolumePreprocessing(crop_to_nonzero=False, normalisation=Rgb()),
            patch=(256, 256),
            batch_size=8,
            batches_per_epoch=50,
        ),
        task=SegmenterConfig(
            loss=DiceCrossEntropyConfig(batch_dice=True), centrelines=("vessels",)
        ),
        trainer=NNUNET.replace(max_epochs=100),
    )


def drive() -> Experiment:
    """Retinal vessels in fundus photographs (DRIVE)."""
    like = chase_db1()
    assert isinstance(like.data, MasksConfig)
    return like.replace(name="drive", data=like.data.replace(reader=DriveReader()))


def jsrt_organs() -> Experiment:
    """Lungs, heart and clavicles in chest films (JSRT with the SCR masks), 256 pixels.

    Scored at 256 pixels, as the published figures are.
    """
    return Experiment(
        name="jsrt-organs",
        data=MasksConfig(
            reader=JsrtReader(),
            preprocessing=VolumePreprocessing(crop_to_nonzero=False, spacing_mm=(8.0, 8.0)),
            augmentation=VolumeAugmentation(mirror=(), rotation_degrees=15.0),
            patch=(256, 256),
            scored_on="prepared",
            batch_size=8,
            batches_per_epoch=25,
        ),
        task=SegmenterConfig(loss=DiceCrossEntropyConfig(batch_dice=True)),
        trainer=NNUNET.replace(max_epochs=60),
    )


def acdc() -> Experiment:
    """Ventricles and myocardium in cine MR (ACDC), 2D slice by slice."""
    return Experiment(
        name="acdc",
        data=MasksConfig(
            reader=AcdcReader(),
            preprocessing=VolumePreprocessing(spacing_mm=(1.5625, 1.5625, 10.0)),
            patch=(256, 224),
            batch_size=24,
            batches_per_epoch=250,
        ),
        task=SegmenterConfig(loss=DiceCrossEntropyConfig(batch_dice=True)),
        trainer=NNUNET,
    )


def brats() -> Experiment:
    """Whole tumour, tumour core and enhancing tumour in MR (BraTS): regions that overlap."""
    return Experiment(
        name="brats",
        data=MasksConfig(
            reader=BratsReader(),
            patch=(128, 128, 128),
            batch_size=2,
            batches_per_epoch=250,
        ),
        task=SegmenterConfig(),
        trainer=NNUNET,
    )


def lits() -> Experiment:
    """Liver and its tumours in CT (LiTS); `experiments.plan lits` measures the CT window."""
    return Experiment(
        name="lits",
        data=MasksConfig(
            reader=LitsReader(),
            patch=(128, 128, 128),
            batch_size=2,
            batches_per_epoch=250,
        ),
        task=SegmenterConfig(),
        trainer=NNUNET,
    )


def isic2018() -> Experiment:
    """Skin lesions in dermoscopy (ISIC 2018, task 1)."""
    return Experiment(
        name="isic2018",
        data=MasksConfig(
            reader=IsicReader(),
            preprocessing=VolumePreprocessing(
                crop_to_nonzero=False, normalisation=Rgb(), spacing_mm=(4.0, 4.0)
            ),
            patch=(256, 256),
            batch_size=8,
            batches_per_epoch=250,
        ),
        task=SegmenterConfig(loss=DiceCrossEntropyConfig(batch_dice=True)),
        trainer=NNUNET.replace(max_epochs=100),
    )


def siim_acr() -> Experiment:
    """Pneumothorax in chest films (SIIM-ACR), most of which have none."""
    return Experiment(
        name="siim-acr",
        data=MasksConfig(
            reader=SiimAcrReader(),
            preprocessing=VolumePreprocessing(crop_to_nonzero=False, spacing_mm=(0.34, 0.34)),
            augmentation=VolumeAugmentation(mirror=(1,), rotation_degrees=15.0),
            patch=(512, 512),
            batch_size=8,
            batches_per_epoch=250,
        ),
        task=SegmenterConfig(loss=DiceCrossEntropyConfig(batch_dice=True)),
        trainer=NNUNET.replace(max_epochs=100),
    )
