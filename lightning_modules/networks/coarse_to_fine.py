"""Landmarks found at low resolution and refined in crops at full resolution."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from datamodules.landmark_info import LandmarkInfo
from lightning_modules.configs.landmark_networks import CoarseToFineConfig
from lightning_modules.networks.heatmap_decoding import Decoded
from lightning_modules.networks.heatmap_unet import (
    FIRST_HEIGHT,
    begin_empty,
    build_unet,
    pad_to_multiple,
)
from lightning_modules.networks.landmarks import HeatmapObjective, LandmarkNetwork

FEATURES = 32
"""Of the second U-Net, of which each landmark has a weighted sum of its own as its heatmap."""


class CoarseToFine(LandmarkNetwork):
    """Two U-Nets: one sees the whole image, reduced; one sees a crop about each landmark.

    Both are trained together; crops then lie about the true places, moved at random, so that
    neither waits for the other.

    Args:
        config: Settings.
        info: What is known of the data.

    References:
        Zhong et al., "An attention-guided deep regression model for landmark detection in
        cephalograms", MICCAI 2019: global and local stage.
    """

    def __init__(self, config: CoarseToFineConfig, info: LandmarkInfo) -> None:
        axes, landmarks = len(info.patch), len(info.points)
        small = tuple(-(-side // config.reduction) for side in info.patch)
        coarse = build_unet(config.coarse, small, info.spacing, info.channels, landmarks)
        super().__init__()
        self.config = config
        self.coarse = coarse
        begin_empty(coarse)
        crop = (config.crop,) * axes
        self.fine = build_unet(config.fine, crop, info.spacing, info.channels, FEATURES)
        self.own = nn.Parameter(torch.randn(landmarks, FEATURES) * FIRST_HEIGHT)
        self.coarse_objective = HeatmapObjective(config, landmarks)
        self.fine_objective = HeatmapObjective(config, landmarks)

    def losses(self, images: Tensor, points: Tensor) -> Mapping[str, Tensor]:
        """See the base class; the sum of both stages."""
        first = self.coarse_objective(self._coarse_maps(images), points / self._scale)
        corners = self._corners(self._moved(points))
        second = self.fine_objective(self._refined(images, corners), points - corners)
        return {
            "loss": first["loss"] + second["loss"],
            "coarse_loss": first["loss"],
            "fine_loss": second["loss"],
        }

    def locate(self, images: Tensor) -> Decoded:
        """See the base class; the confidence is that of the less sure stage."""
        found = self.coarse_objective.decode(self._coarse_maps(images))
        points, confidence = found.points * self._scale, found.confidence
        for _ in range(self.config.refinements):
            corners = self._corners(points)
            refined = self.fine_objective.decode(self._refined(images, corners))
            points = refined.points + corners
        return Decoded(points, torch.minimum(confidence, refined.confidence))

    @property
    def _scale(self) -> float:
        return float(self.config.reduction)

    def _coarse_maps(self, images: Tensor) -> Tensor:
        """Heatmaps at low resolution; a little of them may lie beyond the ends of the image."""
        reduction = self.config.reduction
        padded = pad_to_multiple(images, [reduction * step for step in self.coarse.divisor])
        pool = F.avg_pool2d if images.ndim == 4 else F.avg_pool3d
        maps: Tensor = self.coarse(pool(padded, reduction))
        return maps

    def _moved(self, points: Tensor) -> Tensor:
        """Centres of the crops of a training step; of what is not marked, the corner."""
        reach = self.config.jitter * self.config.crop
        shift = (2 * torch.rand_like(points) - 1) * reach
        return torch.where(points.isnan(), torch.zeros_like(points), points + shift)

    def _corners(self, centres: Tensor) -> Tensor:
        """Whole numbers where crops begin, ``(B, K, D)``, float."""
        return (centres - self.config.crop / 2).round()

    def _refined(self, images: Tensor, corners: Tensor) -> Tensor:
        """Heatmaps of crops, ``(B, K, *crop)``; zeros beyond the image."""
        crops = cut_crops(images, corners, self.config.crop)
        features = self.fine(crops).unflatten(0, corners.shape[:2])
        return torch.einsum("bkf...,kf->bk...", features, self.own.to(features.dtype))


def cut_crops(images: Tensor, corners: Tensor, side: int) -> Tensor:
    """Crops of images, zeros beyond their borders.

    Args:
        images: ``(B, C, *size)``.
        corners: Where crops begin, whole numbers, ``(B, K, D)``.
        side: Of a crop.

    Returns:
        ``(B * K, C, side, ...)``.
    """
    size = images.new_tensor(images.shape[2:])
    starts = corners.clamp_min(-side).minimum(size).long() + side
    padded = F.pad(images, (side, side) * (images.ndim - 2))
    index = torch.arange(side, device=images.device)
    axes = starts.shape[2]
    places = []
    for axis in range(axes):
        shape = [1] * axes
        shape[axis] = side
        along = starts[..., axis, None] + index
        places.append(along.reshape(*starts.shape[:2], *shape))
    batch = torch.arange(len(images), device=images.device).reshape(-1, *[1] * (axes + 1))
    channels_last = padded.movedim(1, -1)
    return channels_last[(batch, *places)].movedim(-1, 2).flatten(0, 1)
