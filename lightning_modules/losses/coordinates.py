"""Losses of coordinates: how far places are from where landmarks are."""

import math
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from lightning_modules.configs.landmark_losses import (
    CoordinateLoss,
    L1Coordinates,
    MseCoordinates,
    WingCoordinates,
)

EachLoss = Callable[[Tensor], Tensor]


def wing(differences: Tensor, width: float = 10.0, curvature: float = 2.0) -> Tensor:
    """Wing loss of each difference.

    Args:
        differences: Of any shape, in voxels.
        width: Up to which they count logarithmically.
        curvature: Smaller is steeper at 0.

    References:
        Feng et al., "Wing loss for robust facial landmark localisation", CVPR 2018.
    """
    apart = differences.abs()
    offset = width - width * math.log1p(width / curvature)
    near = width * torch.log1p(apart / curvature)
    return torch.where(apart < width, near, apart - offset)


def build_coordinate_loss(config: CoordinateLoss) -> EachLoss | None:
    """From differences ``(..., D)`` in voxels to losses of the same shape; None: there is none."""
    match config:
        case L1Coordinates():
            return torch.abs
        case MseCoordinates():
            return torch.square
        case WingCoordinates():
            return partial(wing, width=config.width, curvature=config.curvature)
        case _:
            return None
