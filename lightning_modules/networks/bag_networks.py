"""Networks of bags: tiles to hidden features, pooled to one vector, to labels."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from datamodules.data_info import DataInfo
from datamodules.errors import ConfigError
from lightning_modules.configs.bag_networks import (
    AttentionPoolingConfig,
    BagNetwork,
    GatedAttentionPoolingConfig,
    MaxPoolingConfig,
    MeanPoolingConfig,
    MultiHeadPoolingConfig,
    TransformerPoolingConfig,
)
from lightning_modules.networks.bag_pooling import (
    AttentionPooling,
    BagPooling,
    MaxPooling,
    MeanPooling,
    TransformerPooling,
)
from lightning_modules.networks.checkpointing import checkpoint_blocks
from lightning_modules.networks.classifier import ClassifierNetwork, ImageFeatures
from lightning_modules.networks.encoder_layers import feature_length, fit_stem
from lightning_modules.networks.timm_encoders import build_encoder, colour_scale

WHITE = 255
LEAST_DEVIATION = 1e-6
"""Of a feature below which it is the same in all tiles, and says nothing."""


class BagClassifier(ClassifierNetwork):
    """Encoder (where bags are tiles) -> hidden layers -> pooling -> dropout -> linear layer.

    Args:
        config: Settings.
        data: What is known of the data; without a size bags are of features, and need no encoder.
        tells_tiles: Whether a tile loss will train what each tile shows.
        load_weights: False leaves out published or local weights: a checkpoint follows.

    Attributes:
        tile_head: From the hidden features of one tile to its labels; None without a tile loss, as
            processes that train together expect a gradient of every weight.
    """

    config: BagNetwork

    def __init__(
        self,
        config: BagNetwork,
        data: DataInfo,
        *,
        tells_tiles: bool = False,
        load_weights: bool = True,
    ) -> None:
        super().__init__(config, data)
        self.encoder: nn.Module = nn.Identity()
        self.pixels: PixelScale | None = None
        features = data.channels
        if data.size:
            self.pixels = PixelScale(*colour_scale(config.tiles.encoder))
            self.encoder, features = _tile_encoder(config, data, load_weights=load_weights)
            self.images_at_once = config.tiles_at_once
        self.scale = FeatureScale(data.feature_mean, data.feature_deviation)
        self.hidden, width = _hidden(config, features)
        self.bag_pooling = _pooling(config, width)
        unweighed = config.kind in ("mean", "max")
        self.tile_evidence = "tile-scores" if unweighed else "attention"
        labels = len(data.labels.names)
        self.head = nn.Sequential(
            nn.Dropout(config.dropout), nn.Linear(self.bag_pooling.width, labels)
        )
        self.tile_head = nn.Linear(width, labels) if tells_tiles else None

    def look(self, images: Tensor, details: Tensor | None) -> ImageFeatures:
        """Hidden features of each tile, from ``(N, D)`` or ``(N, channels, h, w)``."""
        del details
        seen: Tensor = images if self.pixels is None else self.encoder(self.pixels(images))
        hidden: Tensor = self.hidden(self.scale(seen))
        return ImageFeatures(hidden, hidden)

    def _pool(
        self, seen: ImageFeatures, case_of: Tensor, cases: int
    ) -> tuple[Tensor, ImageFeatures, Tensor | None]:
        """Logits and vectors of bags in place of those of tiles; weights, or what stands for them.

        See the base class.
        """
        vectors, weights = self.bag_pooling(seen.vectors, case_of, cases)
        told = None if self.tile_head is None else self.tile_head(seen.vectors)
        bags = ImageFeatures(vectors, vectors, maps=told)
        return self.head(vectors), bags, weights


class PixelScale(nn.Module):
    """Colours of tiles, uint8, as the encoder expects them."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, mean: Sequence[float], deviation: Sequence[float]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean)[:, None, None], persistent=False)
        self.register_buffer("deviation", torch.tensor(deviation)[:, None, None], persistent=False)

    def forward(self, tiles: Tensor) -> Tensor:
        """Tiles uint8 ``(N, 3, h, w)`` to float32."""
        return (tiles.float() / WHITE - self.mean) / self.deviation


class FeatureScale(nn.Module):
    """Features less their mean in training, over their deviation; without any, as they are."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, mean: tuple[float, ...], deviation: tuple[float, ...]) -> None:
        super().__init__()
        scale = torch.tensor(deviation)
        scale[scale < LEAST_DEVIATION] = torch.inf  # the same everywhere: always 0
        self.register_buffer("mean", torch.tensor(mean), persistent=False)
        self.register_buffer("deviation", scale, persistent=False)

    def forward(self, features: Tensor) -> Tensor:
        """Features ``(N, D)``, scaled."""
        if not len(self.mean):
            return features
        return (features - self.mean) / self.deviation


def build_bag_network(
    config: BagNetwork, data: DataInfo, *, tells_tiles: bool = False, load_weights: bool = True
) -> BagClassifier:
    """Build the network that settings name.

    Args:
        config: Settings.
        data: What is known of the data.
        tells_tiles: Whether a tile loss will train what each tile shows.
        load_weights: False leaves out published or local weights: a checkpoint follows.

    Raises:
        ConfigError: If there is no such encoder, it does not fit the tiles, its weights cannot be
            had, or attention does not fit the hidden features.
    """
    network = BagClassifier(config, data, tells_tiles=tells_tiles, load_weights=load_weights)
    if config.encoder_training == "frozen":
        network.freeze_encoder()
    return network


def _tile_encoder(
    config: BagNetwork, data: DataInfo, *, load_weights: bool
) -> tuple[nn.Module, int]:
    """The encoder of tiles, and how many features it finds."""
    encoder = build_encoder(
        config.tiles, data.channels, load_weights=load_weights, option="--task.network.tiles"
    )
    fit_stem(encoder, config.tiles, data.size)
    features = feature_length(encoder, config.tiles.encoder, (data.channels, *data.size))
    if config.checkpointing:
        checkpoint_blocks(encoder)
    return encoder, features


def _hidden(config: BagNetwork, features: int) -> tuple[nn.Sequential, int]:
    """The layers between the features of a tile and the pooling, and the width of the last."""
    layers: list[nn.Module] = []
    for width in config.hidden:
        layers += [nn.Linear(features, width), nn.ReLU(), nn.Dropout(config.dropout)]
        features = width
    return nn.Sequential(*layers), features


def _pooling(config: BagNetwork, width: int) -> BagPooling:
    match config:
        case MeanPoolingConfig():
            return MeanPooling(width)
        case MaxPoolingConfig():
            return MaxPooling(width)
        case AttentionPoolingConfig():
            return AttentionPooling(width, config.width, gated=False)
        case GatedAttentionPoolingConfig():
            return AttentionPooling(width, config.width)
        case MultiHeadPoolingConfig():
            return AttentionPooling(width, config.width, heads=config.heads)
        case TransformerPoolingConfig():
            if width % config.heads:
                raise ConfigError(
                    f"--task.network.heads: {config.heads} heads do not divide the {width} hidden"
                    " features of a tile"
                )
            return TransformerPooling(
                width, config.layers, config.heads, config.points, config.dropout
            )
