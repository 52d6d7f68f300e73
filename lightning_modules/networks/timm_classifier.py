"""An image encoder from timm with a dropout head."""

from torch import Tensor, nn

from datamodules.data_info import DataInfo
from lightning_modules.configs.classifier_networks import TimmEncoderSettings
from lightning_modules.networks.classifier import ClassifierNetwork, ImageFeatures
from lightning_modules.networks.encoder_layers import feature_length, fit_stem
from lightning_modules.networks.timm_encoders import build_encoder


class TimmClassifier(ClassifierNetwork):
    """Encoder -> global average pooling -> dropout -> linear layer.

    Args:
        config: Settings.
        data: What is known of the data; of channels, published RGB weights are summed for one.
        load_weights: False leaves out published or local weights: a checkpoint follows.
    """

    def __init__(
        self, config: TimmEncoderSettings, data: DataInfo, *, load_weights: bool = True
    ) -> None:
        super().__init__(config, data)
        self.encoder = build_encoder(config, data.channels, load_weights=load_weights)
        fit_stem(self.encoder, config, data.size)
        features = feature_length(self.encoder, config.encoder, (data.channels, *data.size))
        self.head = nn.Sequential(
            nn.Dropout(config.dropout), nn.Linear(features, len(data.labels.names))
        )

    def look(self, images: Tensor, details: Tensor | None) -> ImageFeatures:
        """Pooled features of each image; see the base class."""
        del details
        features: Tensor = self.encoder(images)
        return ImageFeatures(features, features)
