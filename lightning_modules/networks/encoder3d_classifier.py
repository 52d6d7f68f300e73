"""A 3D encoder with a dropout head."""

import copy
from typing import Any

import torch
from torch import Tensor, nn

from datamodules.data_info import DataInfo
from lightning_modules.configs.volume_networks import DenseNet3dConfig, ResNet3dConfig
from lightning_modules.networks.encoder_layers import feature_length, map_layer
from lightning_modules.networks.volume_classifier_network import VolumeClassifierNetwork
from lightning_modules.networks.volume_encoders import build_volume_encoder

LEAST_DETAIL = 4
"""Voxels along the longest axis below which a map says nothing about a place."""


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
        shape = (data.channels, *data.size)
        features = _length(encoders[0], name, shape)
        super().__init__(config, data, encoders, features)
        self._shape = shape

    def vectors(self, volumes: Tensor, part: int) -> Tensor:
        """Mean of the features over each volume; see the base class."""
        found: Tensor = self.encoders()[part](volumes)
        return found

    @property
    def attention_layer(self) -> str:
        """The last stage whose map still has some voxels, which a small volume has earlier."""
        encoder = self.encoders()[0]
        return super().attention_layer.replace(map_layer(encoder), self._detailed_stage(encoder))

    def _detailed_stage(self, encoder: nn.Module) -> str:
        """Name of the stage, from shapes alone."""
        with torch.device("meta"):
            shadow: Any = copy.deepcopy(encoder).to("meta").eval()
            maps = shadow.stem(torch.zeros(1, *self._shape))
            detailed = 0
            for number, stage in enumerate(shadow.stages):
                maps = stage(maps)
                detailed = number if max(maps.shape[2:]) >= LEAST_DETAIL else detailed
        return str(encoder.feature_info[detailed]["module"])  # type: ignore[index]


def _length(encoder: nn.Module, name: str, shape: tuple[int, ...]) -> int:
    """Number of features, from shapes alone: a large volume would take seconds."""
    with torch.device("meta"):
        return feature_length(copy.deepcopy(encoder).to("meta"), name, shape)
