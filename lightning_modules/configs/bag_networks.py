"""Networks of the slide classifier, chosen by how the tiles of a bag become one."""

from typing import Annotated, Literal

from pydantic import Field

from lightning_modules.configs.classifier_networks import (
    ClassifierNetworkSettings,
    TimmEncoderSettings,
)

_Width = Annotated[int, Field(ge=4, le=4096)]


class TileNetworkSettings(TimmEncoderSettings):
    """The encoder of tiles, where it is trained with the rest (--data.bags.kind tiles)."""

    encoder: str = "resnet18"
    """resnet18, resnet50, or any other encoder of timm by name."""


class BagNetworkSettings(ClassifierNetworkSettings):
    """What all networks of bags share: tile features -> hidden features -> one vector -> head."""

    dropout: float = Field(default=0.25, ge=0, lt=1)
    """Dropout of the hidden features, and before the last layer."""
    hidden: tuple[_Width, ...] = Field(default=(256,), max_length=8)
    """Width of each layer between the features of a tile and the pooling; empty: none."""
    tiles: TileNetworkSettings = TileNetworkSettings()
    """The encoder of tiles, where bags are tiles and not their stored features."""
    tiles_at_once: int = Field(default=64, ge=1)
    """Tiles that an encoder sees at once when nothing is learned."""
    checkpointing: bool = False
    """Keep fewer activations of the tile encoder and compute them again: less memory, more time."""


class MeanPoolingConfig(BagNetworkSettings):
    """The mean of all tiles."""

    kind: Literal["mean"] = "mean"


class MaxPoolingConfig(BagNetworkSettings):
    """The highest value of each feature over all tiles."""

    kind: Literal["max"] = "max"


class AttentionPoolingConfig(BagNetworkSettings):
    """A weighted mean, whose weights a small network finds (Ilse et al., ICML 2018)."""

    kind: Literal["attention"] = "attention"
    width: int | None = Field(default=None, ge=4, le=4096)
    """Of the network that weighs; none: a quarter of the tile's features, at least 64."""


class GatedAttentionPoolingConfig(BagNetworkSettings):
    """A weighted mean, whose weights a gated network finds (Ilse et al., ICML 2018)."""

    kind: Literal["gated-attention"] = "gated-attention"
    width: int | None = Field(default=None, ge=4, le=4096)
    """Of the network that weighs; none: a quarter of the tile's features, at least 64."""


class MultiHeadPoolingConfig(BagNetworkSettings):
    """Several gated weighted means side by side, each with weights of its own."""

    kind: Literal["multi-head"] = "multi-head"
    heads: int = Field(default=4, ge=2, le=64)
    """Weighted means."""
    width: int | None = Field(default=None, ge=4, le=4096)
    """Of each network that weighs; none: a quarter of the tile's features, at least 64."""


class TransformerPoolingConfig(BagNetworkSettings):
    """Tiles look at one another before they are pooled (Set Transformer, Lee et al., ICML 2019).

    They do so by way of a few learned points, so that time and memory grow with the number of
    tiles and not with its square.
    """

    kind: Literal["transformer"] = "transformer"
    layers: int = Field(default=2, ge=1, le=12)
    """How often tiles look at one another."""
    heads: int = Field(default=4, ge=1, le=64)
    """Of attention; a divisor of the last hidden width."""
    points: int = Field(default=16, ge=1, le=512)
    """Learned points that tiles look at one another by."""


BagNetwork = Annotated[
    GatedAttentionPoolingConfig
    | AttentionPoolingConfig
    | MultiHeadPoolingConfig
    | TransformerPoolingConfig
    | MeanPoolingConfig
    | MaxPoolingConfig,
    Field(discriminator="kind"),
]
