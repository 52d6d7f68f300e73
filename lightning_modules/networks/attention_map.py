"""A classifier that shows where it looks: the map is made before the decision, not after it."""

from torch import Tensor, nn
from torch.nn import functional as F

from datamodules.data_info import DataInfo, LabelSet
from lightning_modules.configs.classifier_networks import TimmEncoderSettings
from lightning_modules.networks.classifier import ClassifierNetwork, ImageFeatures
from lightning_modules.networks.encoder_layers import (
    feature_length,
    feature_map,
    fit_stem,
    leave_out_unused,
    map_layer,
)
from lightning_modules.networks.timm_encoders import build_encoder

LEAST_PROBABILITY = 1e-6
"""Added to every probability, so that an image without any still has a mean."""


class LabelLinear(nn.Linear):
    """A linear layer of one output a label, from a feature vector of that label's own."""

    def forward(self, input: Tensor) -> Tensor:
        """Vectors ``(..., L, C)`` to logits ``(..., L)``."""
        return (input * self.weight).sum(-1) + self.bias

    def at_every_place(self, features: Tensor) -> Tensor:
        """The same decision at each place: features ``(B, C, h, w)`` to logits ``(B, L, h, w)``."""
        return F.conv2d(features, self.weight[:, :, None, None], self.bias)


class MapHead(nn.Module):
    """Pools features where a label is probable (probabilistic-CAM pooling).

    The same weights decide at every place and for the whole image, so that the map and the
    decision cannot disagree about what counts as evidence.

    Args:
        features: Channels of the feature map.
        labels: What is told apart; of classes that exclude one another, the probabilities at a
            place add up to 1, as those of the image do.
        dropout: Before the decision on the whole image.

    References:
        Ye et al., "Weakly supervised lesion localization with probabilistic-CAM pooling",
        arXiv 2005.14480.
    """

    def __init__(self, features: int, labels: LabelSet, dropout: float) -> None:
        super().__init__()
        self.exclusive = labels.exclusive
        self.dropout = nn.Dropout(dropout)
        self.linear = LabelLinear(features, len(labels.names))

    def pool(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Feature map ``(B, C, h, w)`` to vectors ``(B, L, C)`` and maps float32 ``(B, L, h, w)``.

        The maps are probabilities of each label at every place.
        """
        logits = self.linear.at_every_place(features).float()
        maps = logits.softmax(1) if self.exclusive else logits.sigmoid()
        weights = maps + LEAST_PROBABILITY
        weights = (weights / weights.sum((2, 3), keepdim=True)).to(features.dtype)
        return weights.flatten(2) @ features.flatten(2).transpose(1, 2), maps

    def forward(self, vectors: Tensor) -> Tensor:
        """Vectors ``(B, L, C)`` to logits ``(B, L)``."""
        logits: Tensor = self.linear(self.dropout(vectors))
        return logits


class AttentionMapClassifier(ClassifierNetwork):
    """Encoder -> probability of each label at every place -> features pooled there -> decision.

    Args:
        config: Settings.
        data: What is known of the data.
        load_weights: False leaves out published or local weights: a checkpoint follows.
    """

    head: MapHead
    makes_maps = True

    def __init__(
        self, config: TimmEncoderSettings, data: DataInfo, *, load_weights: bool = True
    ) -> None:
        super().__init__(config, data)
        self.encoder, features = map_encoder(config, data, data.size, load_weights=load_weights)
        self.head = MapHead(features, data.labels, config.dropout)

    def look(self, images: Tensor, details: Tensor | None) -> ImageFeatures:
        """Features of each label where it is probable; see the base class."""
        del details
        features = feature_map(self.encoder, images)
        vectors, maps = self.head.pool(features)
        return ImageFeatures(vectors, features.mean((2, 3)), maps)


def map_encoder(
    config: TimmEncoderSettings, data: DataInfo, size: tuple[int, ...], *, load_weights: bool
) -> tuple[nn.Module, int]:
    """An encoder with a spatial map for images of a size, and the channels of that map.

    Raises:
        ConfigError: If there is no such encoder, or it has no spatial map with channels first.
    """
    encoder = build_encoder(config, data.channels, load_weights=load_weights)
    map_layer(encoder)
    fit_stem(encoder, config, size)
    shape = (data.channels, *size)
    features = feature_length(encoder, config.encoder, shape, pooled=False)
    leave_out_unused(encoder, shape)
    return encoder, features
