"""Networks of the X-ray classifier, chosen by ``kind``."""

from typing import Annotated, Literal

from pydantic import Field

from lightning_modules.configs.classifier_networks import TimmEncoderSettings


class TimmNetworkConfig(TimmEncoderSettings):
    """An image encoder from timm with a dropout head."""

    kind: Literal["timm"] = "timm"


class AttentionMapNetworkConfig(TimmEncoderSettings):
    """An encoder whose map of each label's probability says where the features are taken from.

    Probabilistic-CAM pooling (Ye et al., arXiv 2005.14480): the map is part of every prediction.
    """

    kind: Literal["attention-map"] = "attention-map"


class TwoStreamNetworkConfig(TimmEncoderSettings):
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
