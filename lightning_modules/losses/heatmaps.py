"""Losses of heatmaps: how far maps are from Gaussians about the landmarks."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lightning_modules.configs.landmark_losses import (
    AdaptiveWingHeatmap,
    BceHeatmap,
    CrossEntropyHeatmap,
    HeatmapLoss,
    MseHeatmap,
)

FOREGROUND = 0.2
"""Height of the Gaussian from which a voxel is about a landmark."""
ADAPTIVE_WING = (2.1, 14.0, 1.0, 0.5)
"""Alpha, omega, epsilon and theta of the paper."""
Sigma = float | Tensor


def axis_gaussians(points: Tensor, size: Sequence[int], sigma: Sigma) -> list[Tensor]:
    """Gaussians of height 1 along each axis; their outer product is that of the image.

    Args:
        points: ``(B, K, D)`` in voxels, in continuous coordinates: voxel i covers ``[i, i + 1)``.
        size: Voxels along each axis.
        sigma: Standard deviation in voxels, one or ``(K,)``.

    Returns:
        Of each axis ``(B, K, side)``.
    """
    wide = torch.as_tensor(sigma, device=points.device, dtype=points.dtype).reshape(1, -1, 1)
    found = []
    for axis, side in enumerate(size):
        centres = torch.arange(side, device=points.device, dtype=points.dtype) + 0.5
        found.append((-0.5 * ((centres - points[..., axis, None]) / wide) ** 2).exp())
    return found


def gaussian_heatmaps(points: Tensor, size: Sequence[int], sigma: Sigma) -> Tensor:
    """Gaussians of height 1 about landmarks, ``(B, K, *size)``; see :func:`axis_gaussians`."""
    product = None
    for axis, each in enumerate(axis_gaussians(points, size, sigma)):
        shape = [1] * len(size)
        shape[axis] = size[axis]
        spread = each.reshape(*each.shape[:2], *shape)
        product = spread if product is None else product * spread
    assert product is not None
    return product


class CrossEntropyLoss(nn.Module):
    """Cross-entropy of a softmax over all voxels against a Gaussian whose sum is 1."""

    def __init__(self, config: CrossEntropyHeatmap) -> None:
        super().__init__()
        self.sigma = config.sigma

    def forward(self, maps: Tensor, points: Tensor) -> Tensor:
        """Maps float ``(B, K, *size)`` and points ``(B, K, D)`` to losses ``(B, K)``."""
        size = maps.shape[2:]
        said: Tensor = maps.flatten(2).log_softmax(2).unflatten(2, size)
        for each in axis_gaussians(points, size, self.sigma):  # the first axis that is left
            weights = each / each.sum(2, keepdim=True).clamp_min(1e-6)
            said = torch.einsum("bks...,bks->bk...", said, weights)
        return -said


class SquaredLoss(nn.Module):
    """Half the squared differences, summed over the voxels of a map.

    References:
        Payer et al., "Integrating spatial configuration into heatmap regression based CNNs for
        landmark localization", Medical Image Analysis 2019: the learned deviation.
    """

    def __init__(self, config: MseHeatmap, landmarks: int) -> None:
        super().__init__()
        self.config = config
        start = torch.full((landmarks,), config.sigma)
        self.sigma = nn.Parameter(start) if config.learned_sigma else None

    def forward(self, maps: Tensor, points: Tensor) -> Tensor:
        """Maps float ``(B, K, *size)`` and points ``(B, K, D)`` to losses ``(B, K)``."""
        if self.sigma is None:
            wanted = gaussian_heatmaps(points, maps.shape[2:], self.config.sigma)
            return 0.5 * (maps - wanted).square().flatten(2).sum(2)
        sigma = self.sigma.abs().clamp_min(0.5)
        height = (self.config.sigma / sigma) ** points.shape[-1]
        wanted = gaussian_heatmaps(points, maps.shape[2:], sigma)
        wanted = wanted * height.reshape(1, -1, *[1] * points.shape[-1])
        squares = 0.5 * (maps - wanted).square().flatten(2).sum(2)
        return squares + self.config.sigma_weight * sigma.square()


class WorstBceLoss(nn.Module):
    """Binary cross-entropy of the voxels of each map with the largest loss.

    References:
        Ertl et al., "nnLandmark", 2025.
    """

    def __init__(self, config: BceHeatmap) -> None:
        super().__init__()
        self.config = config

    def forward(self, maps: Tensor, points: Tensor) -> Tensor:
        """Maps float ``(B, K, *size)`` and points ``(B, K, D)`` to losses ``(B, K)``."""
        wanted = gaussian_heatmaps(points, maps.shape[2:], self.config.sigma)
        each = F.binary_cross_entropy_with_logits(maps, wanted, reduction="none").flatten(2)
        count = max(1, round(each.shape[2] * self.config.worst_share))
        return each.topk(count, dim=2).values.mean(2)


class AdaptiveWingLoss(nn.Module):
    """Adaptive wing loss with its map of weights, mean over the voxels of a map.

    References:
        Wang et al., "Adaptive wing loss for robust face alignment via heatmap regression", ICCV
        2019; its constants.
    """

    def __init__(self, config: AdaptiveWingHeatmap) -> None:
        super().__init__()
        self.config = config

    def forward(self, maps: Tensor, points: Tensor) -> Tensor:
        """Maps float ``(B, K, *size)`` and points ``(B, K, D)`` to losses ``(B, K)``."""
        wanted = gaussian_heatmaps(points, maps.shape[2:], self.config.sigma)
        weights = 1 + self.config.foreground_weight * (wanted >= FOREGROUND)
        return (adaptive_wing(maps, wanted) * weights).flatten(2).mean(2)


def adaptive_wing(found: Tensor, wanted: Tensor) -> Tensor:
    """Adaptive wing loss of each voxel; both of one shape."""
    alpha, omega, epsilon, theta = ADAPTIVE_WING
    power, ratio = alpha - wanted, theta / epsilon
    slope = omega / (1 + ratio**power) * power * ratio ** (power - 1) / epsilon
    offset = theta * slope - omega * torch.log1p(ratio**power)
    apart = (found - wanted).abs()
    near = omega * torch.log1p((apart.clamp_min(1e-8) / epsilon) ** power)
    return torch.where(apart < theta, near, slope * apart - offset)


def build_heatmap_loss(config: HeatmapLoss, landmarks: int) -> nn.Module | None:
    """The loss that settings name; None: heatmaps have none."""
    match config:
        case CrossEntropyHeatmap():
            return CrossEntropyLoss(config)
        case MseHeatmap():
            return SquaredLoss(config, landmarks)
        case BceHeatmap():
            return WorstBceLoss(config)
        case AdaptiveWingHeatmap():
            return AdaptiveWingLoss(config)
        case _:
            return None
