"""What every network of the landmarker is: images to places, and what they are trained with."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn

from lightning_modules.configs.landmark_losses import (
    AdaptiveWingHeatmap,
    BceHeatmap,
    MseHeatmap,
)
from lightning_modules.configs.landmark_networks import HeatmapSettings
from lightning_modules.losses.coordinates import build_coordinate_loss
from lightning_modules.losses.heatmaps import build_heatmap_loss
from lightning_modules.networks.heatmap_decoding import Activation, Decoded, decode, soft_argmax


class LandmarkNetwork(nn.Module):
    """Images to landmarks, in 2D or 3D.

    Attributes:
        windowed: Whether heatmaps of windows can be put together, so that images may be larger than
            what is seen at once.
    """

    windowed: ClassVar[bool] = False

    @abstractmethod
    def losses(self, images: Tensor, points: Tensor) -> Mapping[str, Tensor]:
        """Losses of images float ``(B, C, *size)``, scalars; ``"loss"`` is what is minimised.

        Args:
            images: The images.
            points: ``(B, K, D)`` as in ``PointBatch``.
        """

    @abstractmethod
    def locate(self, images: Tensor) -> Decoded:
        """The landmarks of images float ``(B, C, *size)``, in their voxels."""


class HeatmapObjective(nn.Module):
    """What heatmaps are trained with, and read by.

    Args:
        config: Its losses.
        landmarks: How many there are.
    """

    def __init__(self, config: HeatmapSettings, landmarks: int) -> None:
        super().__init__()
        self.sigma = config.heatmap_loss.sigma
        self.heatmap = build_heatmap_loss(config.heatmap_loss, landmarks)
        self.coordinates = build_coordinate_loss(config.coordinate_loss)
        self.weight = config.coordinate_loss.weight
        self.activation: Activation = "softmax"
        if isinstance(config.heatmap_loss, BceHeatmap):
            self.activation = "sigmoid"
        elif isinstance(config.heatmap_loss, MseHeatmap | AdaptiveWingHeatmap):
            self.activation = "positive"

    def forward(self, maps: Tensor, points: Tensor) -> Mapping[str, Tensor]:
        """Maps float ``(B, K, *size)`` and points ``(B, K, D)`` to scalars.

        What is not marked contributes nothing; what lies outside of the image contributes an empty
        map, where maps may be empty.
        """
        maps = maps.float()
        size = points.new_tensor(maps.shape[2:])
        known = ~points.isnan().any(2)
        inside = known & ((points >= 0) & (points <= size)).all(2)
        safe = torch.where(known[..., None], points, torch.zeros_like(points))
        losses: dict[str, Tensor] = {}
        if self.heatmap is not None:
            counted = inside if self.activation == "softmax" else known
            losses["heatmap_loss"] = masked_mean(self.heatmap(maps, safe), counted)
        if self.coordinates is not None:
            apart = self.coordinates(soft_argmax(maps) - safe).mean(2)
            losses["coordinate_loss"] = masked_mean(apart, inside)
        total = losses.get("heatmap_loss", maps.sum() * 0)
        if "coordinate_loss" in losses:
            total = total + self.weight * losses["coordinate_loss"]
        return {"loss": total, **losses}

    def decode(self, maps: Tensor) -> Decoded:
        """Landmarks of maps ``(B, K, *size)``; as they were trained: by a peak, or by the mean."""
        found = decode(maps, self.activation, self.sigma)
        return found if self.heatmap is not None else found._replace(points=soft_argmax(maps))


def masked_mean(values: Tensor, counted: Tensor) -> Tensor:
    """Mean of what counts; 0, with a gradient of 0, where nothing does."""
    chosen = torch.where(counted, values, torch.zeros_like(values))
    return chosen.sum() / counted.sum().clamp_min(1)
