"""What can be set about the segmenter."""

from typing import Annotated, Literal

from pydantic import Field

from datamodules.schema import LocalPath, Settings
from lightning_modules.configs.operating_points import (
    FixedThresholdConfig,
    TargetSensitivityConfig,
)
from lightning_modules.configs.optimizers import Optimizer, ScheduleConfig, SGDConfig
from lightning_modules.configs.segmentation_losses import DiceCrossEntropyConfig, SegmentationLoss
from lightning_modules.configs.segmentation_networks import SegmenterNetwork, UNetConfig


class SlidingWindowConfig(Settings):
    """How a whole case is put together from windows."""

    overlap: float = Field(default=0.5, ge=0, lt=1)
    """Share of a window that the next one sees again."""
    mirror: bool = True
    """Average over mirror images along every axis that training mirrors."""
    batch_size: int = Field(default=1, ge=1)
    """Windows a forward pass."""


class CleanUpConfig(Settings):
    """What is taken away from a predicted mask, if validation says that it helps."""

    largest_component: bool = True
    """Try to keep only the largest connected component of each structure."""
    smallest_ml: tuple[float, ...] = ()
    """Try to remove components below each of these volumes (px for images without a spacing)."""


MaskThreshold = Annotated[
    FixedThresholdConfig | TargetSensitivityConfig, Field(discriminator="kind")
]


class SegmenterConfig(Settings):
    """Outlines structures in images and volumes."""

    kind: Literal["segmenter"] = "segmenter"
    network: SegmenterNetwork = UNetConfig()
    """What looks at the patches."""
    loss: SegmentationLoss = DiceCrossEntropyConfig()
    """What training minimises."""
    optimizer: Optimizer = SGDConfig(
        lr=1e-2,
        momentum=0.99,
        weight_decay=3e-5,
        schedule=ScheduleConfig(kind="polynomial", warmup_steps=0),
    )
    """How training minimises it."""
    inference: SlidingWindowConfig = SlidingWindowConfig()
    """How a whole case is put together."""
    threshold: MaskThreshold = FixedThresholdConfig()
    """Probability from which a voxel belongs to a structure: fixed, or the highest that finds a
    share of all its voxels in validation. Several structures that exclude one another have none:
    the likeliest is taken."""
    clean_up: CleanUpConfig = CleanUpConfig()
    """What is tried on validation, and done where it helps."""
    surface_tolerance: tuple[float, ...] = (1.0,)
    """Distance in mm (px without a spacing) within which surfaces agree in the surface Dice: one
    number, or one for each structure."""
    centrelines: tuple[str, ...] = ()
    """Structures whose centrelines are compared too (clDice): vessels, airways."""
    monitor: str = "dice"
    """Validation metric that selects the best checkpoint, and that early stopping watches."""
    init_from: LocalPath | None = None
    """Run folder or checkpoint to take weights from; a head that does not fit is left out."""
