"""What Dice, Tversky and cross-entropy are made of: sums over the voxels of a batch of patches.

Probabilities are held once, and gradients are written channel by channel: no one-hot mask, and no
product of the size of the logits, is ever made.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from datamodules.batches import UNKNOWN


class SoftCounts(NamedTuple):
    """Sums over the known voxels, float32.

    Attributes:
        intersection: Probability inside each structure, ``(B, K)``.
        predicted: Probability everywhere, ``(B, K)``.
        truth: Voxels of each structure, ``(B, K)``; without gradient.
        cross_entropy: Sum of the cross-entropies, ``(B,)``.
        known: How many cross-entropies that is, ``(B,)``; without gradient.
    """

    intersection: Tensor
    predicted: Tensor
    truth: Tensor
    cross_entropy: Tensor
    known: Tensor


def softmax_counts(logits: Tensor, mask: Tensor) -> SoftCounts:
    """Sums for structures that exclude one another.

    Args:
        logits: Any float type, ``(B, K, *spatial)``, the background first.
        mask: uint8 ``(B, 1, *spatial)``, index of the channel, or 255 for not known.
    """
    found = _SoftmaxSums.apply(logits.float().flatten(2), mask.flatten(2)[:, 0])
    return SoftCounts(*found)


def sigmoid_counts(logits: Tensor, mask: Tensor) -> SoftCounts:
    """Sums for structures that may overlap.

    Args:
        logits: Any float type, ``(B, K, *spatial)``.
        mask: uint8 ``(B, K, *spatial)``, 0, 1, or 255 for not known.
    """
    found = _SigmoidSums.apply(logits.float().flatten(2), mask.flatten(2))
    return SoftCounts(*found)


class _SoftmaxSums(torch.autograd.Function):
    """Logits ``(B, K, V)`` and labels ``(B, V)`` to the sums."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor, labels: Tensor) -> tuple[Tensor, ...]:  # noqa: ANN401
        known = (labels != UNKNOWN).float()
        probabilities = logits.log_softmax(dim=1)
        log_of_truth = probabilities.gather(1, _channels(labels, logits))[:, 0].mul_(known)
        # From here on an unknown voxel has no probability at all, and with that no gradient.
        probabilities.exp_().mul_(known[:, None])
        of_truth = log_of_truth.exp()
        intersection, truth = (logits.new_empty(logits.shape[:2]) for _ in range(2))
        for channel in range(logits.shape[1]):
            inside = (labels == channel).float()
            truth[:, channel] = inside.sum(dim=1)
            intersection[:, channel] = inside.mul_(of_truth).sum(dim=1)
        count = known.sum(dim=1)
        ctx.save_for_backward(probabilities, labels)
        ctx.mark_non_differentiable(truth, count)
        return intersection, probabilities.sum(dim=2), truth, -log_of_truth.sum(dim=1), count

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:  # noqa: ANN401
        # With the slope s_k = dL/dp_k of the overlap, dL/dz_k = p_k (s_k - E[s]); the slope is that
        # of the predicted sum, and in the true channel also that of the intersection.
        probabilities, labels = ctx.saved_tensors
        of_intersection, of_predicted, _, of_entropy, _ = gradients
        channels = _channels(labels, probabilities)
        at_truth = probabilities.gather(1, channels)[:, 0]
        at_truth *= of_intersection.gather(1, channels[:, 0])
        mean = at_truth - of_entropy[:, None]
        for channel in range(probabilities.shape[1]):
            mean.addcmul_(probabilities[:, channel], of_predicted[:, channel, None])
        at_truth.addcmul_((labels != UNKNOWN).float(), of_entropy[:, None], value=-1)
        wanted = torch.sub(of_predicted[:, :, None], mean[:, None]).mul_(probabilities)
        at_truth += wanted.gather(1, channels)[:, 0]
        return wanted.scatter_(1, channels, at_truth[:, None]), None


def _channels(labels: Tensor, logits: Tensor) -> Tensor:
    """Labels ``(B, V)`` as indices int64 ``(B, 1, V)``; any channel where they are not known."""
    return labels.clamp(max=logits.shape[1] - 1).long()[:, None]


class _SigmoidSums(torch.autograd.Function):
    """Logits and masks ``(B, K, V)`` to the sums."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor, masks: Tensor) -> tuple[Tensor, ...]:  # noqa: ANN401
        intersection, predicted, truth = (logits.new_empty(logits.shape[:2]) for _ in range(3))
        cross_entropy, count = (logits.new_zeros(len(logits)) for _ in range(2))
        for channel in range(logits.shape[1]):
            own, mask = logits[:, channel], masks[:, channel]
            known, inside = (mask != UNKNOWN).float(), (mask == 1).float()
            count += known.sum(dim=1)
            truth[:, channel] = inside.sum(dim=1)
            cross_entropy += F.softplus(own).addcmul_(own, inside, value=-1).mul_(known).sum(dim=1)
            probability = own.sigmoid()
            predicted[:, channel] = known.mul_(probability).sum(dim=1)
            intersection[:, channel] = inside.mul_(probability).sum(dim=1)
        ctx.save_for_backward(logits, masks)
        ctx.mark_non_differentiable(truth, count)
        return intersection, predicted, truth, cross_entropy, count

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:  # noqa: ANN401
        logits, masks = ctx.saved_tensors
        of_intersection, of_predicted, _, of_entropy, _ = gradients
        wanted = torch.empty_like(logits)
        for channel in range(logits.shape[1]):
            mask, own = masks[:, channel], wanted[:, channel]
            inside, probability = (mask == 1).float(), logits[:, channel].sigmoid()
            torch.mul(probability, 1 - probability, out=own)
            own *= of_predicted[:, channel, None] + inside * of_intersection[:, channel, None]
            own.addcmul_(probability.sub_(inside), of_entropy[:, None])
            own *= (mask != UNKNOWN).float()
        return wanted, None
