"""A 3D encoder with a dropout head."""

import copy

import torch
from torch import Tensor, nn

from datamodules.batches import DataInfo
from lightning_modules.configs.volume_networks import DenseNet3dConfig, ResNet3dConfig
from lightning_modules.networks.encoder_layers import feature_length
from lightning_modules.networks.volume_classifier_network import VolumeClassifierNetwork
from lightning_modules.networks.volume_encoders import build_volume_encoder


class Encoder3dClassifier(VolumeClassifierNetwork):
    """Encoder -> global average pooling -> dropout -> linear layer.

    Args:
        config: Settings.
        data: What is known of the data.
        load_weights: False leaves out local weights: a checkpoint follows.
    """

    def __init__(
        self,
        config: ResNet3dConfig | DenseNet3dConfig,
        data: DataInfo,
        *,
        load_weights: bool = True,
    ) -> None:
        encoders = [
            build_volume_encoder(config, data.channels, data.size, load_weights=load_weights)
            for _ in range(1 + data.candidates)
        ]
        name = f"{config.kind}-{config.depth}"
        features = _length(encoders[0], name, (data.channels, *data.size))
        super().__init__(config, data, encoders, features)

    def vectors(self, volumes: Tensor, part: int) -> Tensor:
        """Mean of the features over each volume; see the base class."""
        found: Tensor = self.encoders()[part](volumes)
        return found


def _length(encoder: nn.Module, name: str, shape: tuple[int, ...]) -> int:
    """Number of features, from shapes alone: a large volume would take seconds."""
    with torch.device("meta"):
        return feature_length(copy.deepcopy(encoder).to("meta"), name, shape)
