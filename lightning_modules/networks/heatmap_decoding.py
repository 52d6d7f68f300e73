"""From heatmaps to landmarks: where they are, and how sure that is."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor

Activation = Literal["softmax", "sigmoid", "positive"]
"""How maps become weights: over all voxels, of each voxel, or as they are, above 0."""
WINDOW = 3.0
"""Half the side of the window about a peak whose mean is taken, in standard deviations."""


class Decoded(NamedTuple):
    """Landmarks of a batch of images.

    Attributes:
        points: float32 ``(B, K, D)`` in voxels, in continuous coordinates: voxel i covers
            ``[i, i + 1)``.
        confidence: float32 ``(B, K)`` in 0..1.
    """

    points: Tensor
    confidence: Tensor


def soft_argmax(heatmaps: Tensor, temperature: float = 1.0) -> Tensor:
    """Mean place of a softmax over all voxels.

    Args:
        heatmaps: Unnormalised scores, float, shape ``(B, K, *size)``.
        temperature: Of the softmax, > 0; lower is sharper.

    Returns:
        In voxels along the axes (not mm), in continuous coordinates, shape ``(B, K, D)``.

    Raises:
        ValueError: If ``temperature`` is not positive.

    References:
        Sun et al., "Integral Human Pose Regression", ECCV 2018.
    """
    if temperature <= 0:
        raise ValueError(f"temperature must be positive, not {temperature}")
    size = heatmaps.shape[2:]
    shares = (heatmaps.float() / temperature).flatten(2).softmax(2).unflatten(2, size)
    return mean_place(shares)


def mean_place(weights: Tensor) -> Tensor:
    """Mean of the middles of voxels by their weights ``(B, K, *size)``, ``(B, K, D)``."""
    axes = range(2, weights.ndim)
    total = weights.flatten(2).sum(2).clamp_min(1e-12)
    found = []
    for axis in axes:
        along = weights.sum([other for other in axes if other != axis])
        middles = torch.arange(along.shape[2], device=along.device, dtype=along.dtype) + 0.5
        found.append((along * middles).sum(2) / total)
    return torch.stack(found, dim=2)


def decode(heatmaps: Tensor, activation: Activation, sigma: float) -> Decoded:
    """The mean place about the highest peak of each map.

    The window is some standard deviations wide, so that a second peak does not draw the mean away.

    Args:
        heatmaps: As the network gives them, float, shape ``(B, K, *size)``.
        activation: How they become weights.
        sigma: Standard deviation of the Gaussians that were learned, in voxels.

    Returns:
        Places, and as confidence: of a softmax the share of its mass in the window; of a sigmoid
        and of maps of height 1 the height of the peak.
    """
    size = heatmaps.shape[2:]
    flat = activate(heatmaps, activation).flatten(2)
    height, at = flat.max(2)
    peak = torch.stack(torch.unravel_index(at, size), dim=2)
    weights = flat.unflatten(2, size) * _windows(peak, size, max(1.0, WINDOW * sigma))
    mass = weights.flatten(2).sum(2)
    confidence = mass if activation == "softmax" else height.clamp(0, 1)
    points = torch.where((mass > 0)[..., None], mean_place(weights), peak + 0.5)
    return Decoded(points, confidence)


def activate(heatmaps: Tensor, activation: Activation) -> Tensor:
    """Maps as weights, float32, none negative."""
    maps = heatmaps.float()
    if activation == "softmax":
        return maps.flatten(2).softmax(2).reshape(maps.shape)
    return maps.sigmoid() if activation == "sigmoid" else maps.relu()


def _windows(peak: Tensor, size: Sequence[int], reach: float) -> Tensor:
    """1 within a cube about each peak ``(B, K, D)``, 0 elsewhere: ``(B, K, *size)``."""
    within = torch.ones((), device=peak.device)
    for axis, side in enumerate(size):
        places = torch.arange(side, device=peak.device)
        near = (places - peak[..., axis, None]).abs() <= reach
        shape = [1] * len(size)
        shape[axis] = side
        within = within * near.reshape(*near.shape[:2], *shape)
    return within
