"""Networks of the volume classifier, chosen by ``kind``."""

from typing import Annotated, Literal

from pydantic import Field

from datamodules.schema import LocalPath, Settings
from lightning_modules.configs.classifier_networks import (
    ClassifierNetworkSettings,
    TimmEncoderSettings,
)


class VolumeNetworkSettings(Settings):
    """What all networks of the volume classifier share."""

    pooling: Literal["mean", "max", "attention"] = "mean"
    """How the patches of a volume become one: mean of their features, highest logit of each label,
    or gated attention (Ilse et al., ICML 2018). A whole volume is one patch."""
    patches_at_once: int = Field(default=8, ge=1)
    """Patches that are looked at together when nothing is learned; more take more memory."""
    checkpointing: bool = False
    """Keep fewer activations and compute them again: less memory, more time, the same weights."""


class Encoder3dSettings(VolumeNetworkSettings, ClassifierNetworkSettings):
    """A 3D encoder with a dropout head."""

    base_features: int = Field(default=64, ge=4, le=256)
    """Channels of the first layers; those of all further ones follow."""
    stem: Literal["auto", "standard", "small"] = "auto"
    """First layers: standard, or small (3 x 3 x 3, stride 1, no pooling); auto: small where the
    shortest side is below 48 voxels."""


class ResNet3dConfig(Encoder3dSettings):
    """A 3D ResNet (Hara et al., CVPR 2018)."""

    kind: Literal["resnet"] = "resnet"
    depth: Literal[10, 18, 34, 50] = 18
    """Layers."""
    weights: LocalPath | None = None
    """A local .pth file of MedicalNet's weights for this depth (Chen et al., arXiv 1904.00625)."""


class DenseNet3dConfig(Encoder3dSettings):
    """A 3D DenseNet (Huang et al., CVPR 2017)."""

    kind: Literal["densenet"] = "densenet"
    depth: Literal[121, 169, 201] = 121
    """Layers."""


class SliceNetworkConfig(VolumeNetworkSettings, TimmEncoderSettings):
    """A 2D encoder of timm for every slice, and gated attention over slices (2.5D)."""

    kind: Literal["slices"] = "slices"
    axis: Literal["left-right", "back-front", "down-up"] = "down-up"
    """What the slices follow one another along."""
    neighbours: int = Field(default=1, ge=0, le=5)
    """Slices on either side that a slice is seen with, as channels; 1: three slices, as published
    weights of RGB images expect."""


VolumeNetwork = Annotated[
    ResNet3dConfig | DenseNet3dConfig | SliceNetworkConfig, Field(discriminator="kind")
]
