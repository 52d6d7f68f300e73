"""Networks of the landmarker, chosen by ``kind``."""

from typing import Annotated, Literal

from pydantic import Field

from datamodules.schema import Settings
from lightning_modules.configs.detection_networks import PyramidSettings
from lightning_modules.configs.landmark_losses import (
    CoordinateLoss,
    CrossEntropyHeatmap,
    HeatmapLoss,
    L1Coordinates,
)
from lightning_modules.configs.segmentation_networks import UNetConfig

NARROW = UNetConfig(base_features=16, max_features=256, deep_supervision=False)


class HeatmapSettings(Settings):
    """What networks with a heatmap for each landmark are trained with."""

    heatmap_loss: HeatmapLoss = CrossEntropyHeatmap()
    """What the heatmap is learned with."""
    coordinate_loss: CoordinateLoss = L1Coordinates()
    """What the mean place of the heatmap is learned with (soft-argmax)."""


class HeatmapUNetConfig(HeatmapSettings):
    """A U-Net with a heatmap for each landmark, at the resolution of the stored image."""

    kind: Literal["heatmap-unet"] = "heatmap-unet"
    unet: UNetConfig = NARROW
    """The U-Net."""


class CoarseToFineConfig(HeatmapSettings):
    """A U-Net at low resolution finds, another at full resolution refines in a crop about each."""

    kind: Literal["coarse-to-fine"] = "coarse-to-fine"
    coarse: UNetConfig = NARROW
    """Sees the whole image."""
    fine: UNetConfig = NARROW
    """Sees the crops, of all landmarks alike."""
    reduction: int = Field(default=4, ge=2, le=16)
    """How many times smaller the first one sees the image."""
    crop: int = Field(default=64, ge=16, le=512, multiple_of=8)
    """Side of a crop, in voxels of the stored image."""
    jitter: float = Field(default=0.25, ge=0, le=0.45)
    """While training, crops lie beside their landmark by up to this share of their side."""
    refinements: int = Field(default=2, ge=1, le=8)
    """How often a crop is taken anew about what was found in the last one."""


class PointRegressorConfig(PyramidSettings):
    """An encoder that says coordinates, without heatmaps."""

    kind: Literal["point-regressor"] = "point-regressor"
    reduction: Literal[8, 16, 32] = 32
    """Voxels between neighbouring places of the encoder's last map."""
    hidden: int = Field(default=256, ge=8, le=4096)
    """Channels of the layer between the map and the coordinates."""
    coordinate_loss: CoordinateLoss = L1Coordinates(weight=1.0)
    """What the coordinates are learned with."""


LandmarkNetworkConfig = Annotated[
    HeatmapUNetConfig | CoarseToFineConfig | PointRegressorConfig, Field(discriminator="kind")
]
