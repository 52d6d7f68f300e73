"""Networks of the segmenter, chosen by ``kind``; each runs in 2D and in 3D, as the patch is."""

from typing import Annotated, Literal

from pydantic import Field

from datamodules.schema import Settings

_Count = Annotated[int, Field(ge=1, le=16)]
_Side = Annotated[int, Field(ge=1, le=7)]
_Width = Annotated[int, Field(ge=1, le=2048)]
Sides = tuple[tuple[_Side, _Side, _Side], ...] | tuple[tuple[_Side, _Side], ...]
"""One number an axis, for each stage."""


class PatchNetworkSettings(Settings):
    """What all networks of the segmenter share."""

    checkpointing: bool = False
    """Keep fewer activations and compute them again: less memory, more time, the same weights."""


class UNetConfig(PatchNetworkSettings):
    """nnU-Net's U-Net, plain or with a residual encoder.

    Isensee et al., Nature Methods 2021, and MICCAI 2024 for the residual encoder.
    """

    kind: Literal["unet"] = "unet"
    encoder: Literal["plain", "residual"] = "plain"
    """Convolutions one after another, or residual blocks (nnU-Net's ResEnc)."""
    base_features: int = Field(default=32, ge=2, le=512)
    """Channels of the first stage; each further stage has twice as many."""
    max_features: int | None = Field(default=None, ge=2, le=2048)
    """Channels of a stage at most; none: 320 in 3D, 512 in 2D."""
    stages: int | None = Field(default=None, ge=2, le=12)
    """Resolutions at most, the patch's own among them; none: as many as the patch allows."""
    kernels: Sides | None = None
    """Sides of the convolutions of each stage, odd; none: from patch and spacing."""
    strides: Sides | None = None
    """By how much each stage reduces, the first by 1; none: from patch and spacing."""
    blocks: tuple[_Count, ...] | None = None
    """Convolutions (plain) or residual blocks of each stage; none: 2, or 1, 3, 4, 6, 6, ..."""
    decoder_blocks: int | None = Field(default=None, ge=1, le=16)
    """Convolutions of each stage on the way up; none: 2, or 1 with the residual encoder."""
    deep_supervision: bool = True
    """Train the segmentations at lower resolutions too."""
    attention_gates: bool = False
    """Let the way up choose what it takes from the way down (Oktay et al., MIDL 2018)."""
    bottleneck_dropout: float = Field(default=0.0, ge=0, lt=1)
    """Share of the channels that training leaves out at the lowest resolution."""


class SegResNetConfig(PatchNetworkSettings):
    """An asymmetric residual encoder and a light decoder (Myronenko, BrainLes 2018)."""

    kind: Literal["segresnet"] = "segresnet"
    filters: int = Field(default=32, ge=8, le=256, multiple_of=8)
    """Channels of the first stage; a multiple of 8."""
    blocks: tuple[_Count, ...] = Field(default=(1, 2, 2, 4), min_length=2, max_length=7)
    """Residual blocks of each stage on the way down; each stage halves the resolution."""
    decoder_blocks: int = Field(default=1, ge=1, le=8)
    """Residual blocks of each stage on the way up."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Share of the channels that training leaves out after the first convolution."""


class VNetConfig(PatchNetworkSettings):
    """V-Net (Milletari et al., 3DV 2016): wide kernels, residual stages, batch normalisation."""

    kind: Literal["vnet"] = "vnet"
    dropout: float = Field(default=0.5, ge=0, lt=1)
    """Share of the channels that training leaves out in the deeper stages."""


class SwinUNETRConfig(PatchNetworkSettings):
    """A Swin transformer with a convolutional decoder (Hatamizadeh et al., BrainLes 2021)."""

    kind: Literal["swin-unetr"] = "swin-unetr"
    features: int = Field(default=24, ge=12, le=192, multiple_of=12)
    """Channels of the first stage; a multiple of 12, for its 3 to 24 heads."""
    depths: tuple[_Count, _Count, _Count, _Count] = (2, 2, 2, 2)
    """Transformer blocks of each of the four stages."""
    window: int = Field(default=7, ge=2, le=16)
    """Side of the windows within which attention is computed."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Dropout after attention and in the perceptrons."""
    drop_path: float = Field(default=0.0, ge=0, lt=1)
    """Share of the deepest block's outcomes that training leaves out; less in the blocks before."""


class DualScaleConfig(PatchNetworkSettings):
    """Two streams for lesions: full resolution, and a reduced one that sees further.

    After DeepMedic (Kamnitsas et al., Medical Image Analysis 2017), fully convolutional.
    """

    kind: Literal["dual-scale"] = "dual-scale"
    features: tuple[_Width, ...] = Field(
        default=(30, 30, 40, 40, 40, 40, 50, 50), min_length=1, max_length=32
    )
    """Channels of each convolution of a stream."""
    reduction: int = Field(default=3, ge=2, le=8)
    """How many times smaller the second stream sees the patch."""
    hidden: int = Field(default=150, ge=1, le=2048)
    """Channels of the two layers that join the streams."""
    dropout: float = Field(default=0.5, ge=0, lt=1)
    """Share of the channels that training leaves out before each of the last two layers."""


SegmenterNetwork = Annotated[
    UNetConfig | SegResNetConfig | VNetConfig | SwinUNETRConfig | DualScaleConfig,
    Field(discriminator="kind"),
]
