"""Networks that an experiment can name, chosen by ``kind``."""

from typing import Annotated, Literal

from pydantic import Field

from datamodules.schema import LocalPath, Settings


class EncoderSettings(Settings):
    """An image encoder from timm and how it is trained: what all networks share."""

    encoder: str = "densenet121"
    """resnet18, resnet50, densenet121, or any other encoder of timm by name."""
    pretrained: bool = True
    """Start from timm's published weights (downloaded once, then cached)."""
    weights: LocalPath | None = None
    """A local .safetensors or .pth file of weights for this encoder, instead of a download."""
    stem: Literal["auto", "standard", "small"] = "auto"
    """First layers: standard, or small (3 x 3, stride 1, no pooling); auto: small below 64 px."""
    dropout: float = Field(default=0.2, ge=0, lt=1)
    """Dropout before the last layer."""
    encoder_training: Literal["full", "frozen", "gradual"] = "full"
    """Fine-tune all of the encoder, none of it, or its stages one after another from the last."""
    unfreeze_every_epochs: int = Field(default=2, ge=1)
    """With gradual: epochs until the next stage of the encoder joins the training."""


class TimmNetworkConfig(EncoderSettings):
    """An image encoder from timm with a dropout head."""

    kind: Literal["timm"] = "timm"


class AttentionMapNetworkConfig(EncoderSettings):
    """An encoder whose map of each label's probability says where the features are taken from.

    Probabilistic-CAM pooling (Ye et al., arXiv 2005.14480): the map is part of every prediction.
    """

    kind: Literal["attention-map"] = "attention-map"


class TwoStreamNetworkConfig(EncoderSettings):
    """One encoder for the whole image, one for the details that it finds suspicious.

    After Shen et al. (GMIC, Medical Image Analysis 2021): the whole image, reduced, gives a map of
    each label; the details are cut out at full resolution where that map is highest.
    """

    kind: Literal["two-stream"] = "two-stream"
    detail_encoder: str | None = None
    """Encoder of the details, any of timm; none: the same as for the whole image."""
    reduction: int = Field(default=2, ge=1, le=8)
    """How many times smaller the first stream sees the image."""
    details: int = Field(default=4, ge=1, le=32)
    """How many details are cut out."""
    detail_share: float = Field(default=0.25, gt=0, le=1)
    """Side of a detail as a share of the image's side."""


XrayNetwork = Annotated[
    TimmNetworkConfig | AttentionMapNetworkConfig | TwoStreamNetworkConfig,
    Field(discriminator="kind"),
]
