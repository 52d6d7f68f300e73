"""Deep supervision: a loss on the outputs of several resolutions of a network."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class DeepSupervision(nn.Module):
    """Weighted mean of a loss over resolutions: 1, 1/2, 1/4 ..., the lowest 0, as nnU-Net.

    References:
        Isensee et al., "nnU-Net", Nature Methods 2021.
    """

    def __init__(self, loss: nn.Module) -> None:
        """Keep the loss of one resolution: logits and a uint8 mask to a scalar."""
        super().__init__()
        self.loss = loss

    def forward(self, outputs: Tensor | Sequence[Tensor], mask: Tensor) -> Tensor:
        """Logits of every resolution, the highest first, each ``(B, K, *spatial_i)``; a scalar.

        Args:
            outputs: Logits of any float type; a tensor, or one alone, is a plain loss.
            mask: uint8 ``(B, 1 or K, *spatial)``; for lower resolutions it is reduced to the
                nearest voxel.
        """
        if isinstance(outputs, Tensor):
            loss: Tensor = self.loss(outputs, mask)
            return loss
        terms = []
        for logits, weight in zip(outputs, resolution_weights(len(outputs)), strict=True):
            if weight > 0:
                terms.append(weight * self.loss(logits, shrink_mask(mask, logits.shape[2:])))
            else:
                # Its parameters stay in the graph: ddp refuses those that have no gradient.
                terms.append(0.0 * logits.float().sum())
        return torch.stack(terms).sum()


def resolution_weights(count: int) -> list[float]:
    """Weights of so many resolutions, the highest first; their sum is 1."""
    if count == 1:
        return [1.0]
    weights = [0.5**number for number in range(count - 1)]
    return [*(weight / sum(weights) for weight in weights), 0.0]


def shrink_mask(mask: Tensor, spatial: Sequence[int]) -> Tensor:
    """Mask uint8 ``(B, C, *)`` at another resolution: at each voxel's centre, the nearest value."""
    if tuple(mask.shape[2:]) == tuple(spatial):
        return mask
    return F.interpolate(mask, size=tuple(spatial), mode="nearest-exact")
