"""A volume slice by slice: a 2D encoder, and attention over slices (2.5D)."""

from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from datamodules.data_info import DataInfo
from lightning_modules.configs.volume_networks import SliceNetworkConfig
from lightning_modules.networks.checkpointing import checkpoint_blocks
from lightning_modules.networks.encoder_layers import (
    feature_length,
    feature_map,
    fit_stem,
    map_layer,
)
from lightning_modules.networks.pooling import GatedAttention
from lightning_modules.networks.timm_encoders import build_encoder
from lightning_modules.networks.volume_classifier_network import VolumeClassifierNetwork

AXES = ("left-right", "back-front", "down-up")
"""Of a volume, in the order in which it has them."""
SLICES_AT_ONCE = 64
"""Slices that are looked at together when nothing is learned."""


class SliceClassifier(VolumeClassifierNetwork):
    """Slices with their neighbours -> a vector each -> gated attention over slices -> head.

    Args:
        config: Settings.
        data: What is known of the data.
        load_weights: False leaves out published or local weights: a checkpoint follows.
    """

    config: SliceNetworkConfig

    def __init__(
        self, config: SliceNetworkConfig, data: DataInfo, *, load_weights: bool = True
    ) -> None:
        axis = AXES.index(config.axis)
        plane = (*data.size[:axis], *data.size[axis + 1 :])
        channels = data.channels * (2 * config.neighbours + 1)
        encoders = []
        for _ in range(1 + data.candidates):
            encoder = build_encoder(config, channels, load_weights=load_weights)
            fit_stem(encoder, config, plane)
            encoders.append(encoder)
        features = feature_length(encoders[0], config.encoder, (channels, *plane))
        if config.checkpointing:
            for encoder in encoders:
                checkpoint_blocks(encoder)
        super().__init__(config, data, encoders, features)
        self.axis = axis
        self.attention_over_slices = nn.ModuleList(GatedAttention(features) for _ in encoders)

    def vectors(self, volumes: Tensor, part: int) -> Tensor:
        """Weighted mean of the vectors of the slices; see the base class."""
        found: Tensor = self.attention_over_slices[part](self._of_slices(volumes, part))
        return found

    def slice_weights(self, volumes: Tensor) -> Tensor:
        """What each slice counts for, float32 ``(N, S)``; the weights of a volume add up to 1."""
        return self._weights(self._of_slices(volumes, 0))

    def evidence(self, volumes: Tensor, label: int) -> Tensor:
        """Where the network looks: Grad-CAM of every slice, times the weight of the slice.

        The map of a slice is that of the decision on this slice alone; the weights are taken as
        they are. Of candidates it is the context that is looked at.

        Args:
            volumes: Float ``(N, channels, D, H, W)``.
            label: Which logit to explain.

        Returns:
            float32 ``(N, D, H, W)``, 0 or more, on one scale.

        Raises:
            ConfigError: If the encoder has no spatial map.
        """
        map_layer(self.encoders()[0])  # raises where there is none
        was_training = self.training
        self.eval()
        with torch.inference_mode(False), torch.no_grad():
            maps, weights = self._weighed_maps(self._slices(volumes.clone()), label)
        self.train(was_training)
        found: Tensor = (maps * weights[..., None, None]).movedim(1, 1 + self.axis)
        return found

    def _weighed_maps(self, slices: Tensor, label: int) -> tuple[Tensor, Tensor]:
        """Grad-CAM of slices ``(N, S, channels, h, w)`` at their size, ``(N, S, h, w)``; weights.

        Maps are float32 from 0 and not scaled, weights float32 ``(N, S)``.
        """
        encoder = self.encoders()[0]
        parts = slices.flatten(0, 1).split(SLICES_AT_ONCE)
        features = torch.cat([feature_map(encoder, part) for part in parts])
        with torch.enable_grad():
            features.requires_grad_()
            vectors = cast("Any", encoder).forward_head(features)
            of_detail = self.features - vectors.shape[1]
            logits = self.head(F.pad(vectors, (0, of_detail)))[:, label]
            (slopes,) = torch.autograd.grad(logits.sum(), features)
        maps = (slopes.mean((2, 3), keepdim=True) * features).sum(1, keepdim=True).relu().float()
        maps = F.interpolate(maps, size=slices.shape[3:], mode="bilinear")
        weights = self._weights(vectors.unflatten(0, slices.shape[:2]))
        return maps[:, 0].unflatten(0, slices.shape[:2]), weights

    def _weights(self, vectors: Tensor) -> Tensor:
        attention = cast("GatedAttention", self.attention_over_slices[0])
        weights: Tensor = attention.scores(vectors).softmax(1)
        return weights

    def _of_slices(self, volumes: Tensor, part: int) -> Tensor:
        """Volumes ``(N, channels, D, H, W)`` to a vector of each slice, ``(N, S, C)``."""
        slices = self._slices(volumes)
        learning = self.training or torch.is_grad_enabled()
        encoder, flat = self.encoders()[part], slices.flatten(0, 1)
        parts = (flat,) if learning else flat.split(SLICES_AT_ONCE)
        vectors = torch.cat([encoder(each) for each in parts])
        found: Tensor = vectors.unflatten(0, slices.shape[:2])
        return found

    def _slices(self, volumes: Tensor) -> Tensor:
        """Slices along the axis, each between its neighbours; at the ends the last one again.

        Returns:
            ``(N, S, (2 * neighbours + 1) * channels, h, w)``.
        """
        slices = volumes.movedim(2 + self.axis, 1)
        reach = range(-self.config.neighbours, self.config.neighbours + 1)
        count = slices.shape[1]
        places = torch.arange(count, device=volumes.device)
        beside = [slices[:, (places + step).clamp(0, count - 1)] for step in reach]
        return torch.cat(beside, dim=2)
