"""Losses of boxes and of how sure a detector is of them."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from lightning_modules.box_tensors import TINY, volume


def giou_loss(boxes: Tensor, truth: Tensor) -> Tensor:
    """1 - GIoU of each box ``(N, 2 * D)`` and its true one, ``(N,)`` in 0..2.

    References:
        Rezatofighi et al., "Generalized intersection over union", CVPR 2019.
    """
    (low, high), (true_low, true_high) = boxes.float().chunk(2, 1), truth.float().chunk(2, 1)
    sides = torch.minimum(high, true_high) - torch.maximum(low, true_low)
    shared = sides.clamp(min=0).prod(dim=1)
    union = volume(boxes.float()) + volume(truth.float()) - shared
    hull = (torch.maximum(high, true_high) - torch.minimum(low, true_low)).prod(dim=1)
    return 1 - shared / union.clamp(min=TINY) + (hull - union) / hull.clamp(min=TINY)


def l1_loss(boxes: Tensor, truth: Tensor) -> Tensor:
    """Mean difference of the numbers of each box ``(N, 2 * D)``, ``(N,)``."""
    return (boxes.float() - truth.float()).abs().mean(dim=1)


def mse_loss(boxes: Tensor, truth: Tensor) -> Tensor:
    """Mean squared difference of the numbers of each box ``(N, 2 * D)``, ``(N,)``."""
    return (boxes.float() - truth.float()).square().mean(dim=1)


def smooth_l1_loss(boxes: Tensor, truth: Tensor, beta: float = 1 / 9) -> Tensor:
    """Mean smooth L1 difference of the numbers of each box ``(N, 2 * D)``, ``(N,)``.

    Args:
        boxes: Or their encodings.
        truth: Likewise.
        beta: Differences below it count by their squares, > 0.

    References:
        Girshick, "Fast R-CNN", ICCV 2015; beta of torchvision.
    """
    return F.smooth_l1_loss(boxes.float(), truth.float(), beta=beta, reduction="none").mean(dim=1)


BOX_LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "giou": giou_loss,
    "l1": l1_loss,
    "mse": mse_loss,
    "smooth-l1": smooth_l1_loss,
}


def quality_focal_loss(logits: Tensor, qualities: Tensor, gamma: float = 2.0) -> Tensor:
    """Cross-entropy with a quality in 0..1, weighted by how far the probability is from it.

    With qualities 0 and 1 it is the focal loss.

    Args:
        logits: Any shape.
        qualities: Of the same shape; 0: background.
        gamma: Exponent of the weight, >= 0.

    Returns:
        float32 of the same shape.

    References:
        Li et al., "Generalized focal loss", NeurIPS 2020.
    """
    logits = logits.float()
    distances = (qualities - logits.sigmoid()).abs().pow(gamma)
    losses = F.binary_cross_entropy_with_logits(logits, qualities, reduction="none")
    return torch.mul(losses, distances)
