"""What a loss is averaged over: labels that are known."""

import torch
from torch import Tensor


def known_mean(losses: Tensor, known: Tensor) -> Tensor:
    """Mean over what is known; without any, a zero that a gradient can still pass through."""
    return torch.where(known, losses, 0.0).sum() / known.sum().clamp(min=1)
