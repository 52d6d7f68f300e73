"""Losses of the segmenter: logits and a mask to a scalar; unknown voxels never contribute."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from datamodules.batches import UNKNOWN
from datamodules.data_info import LabelSet
from datamodules.errors import ConfigError
from lightning_modules.configs.segmentation_losses import (
    DiceConfig,
    DiceCrossEntropyConfig,
    FocalDiceConfig,
    SegmentationLoss,
    SensitivitySpecificityConfig,
    TverskyConfig,
)
from lightning_modules.losses.soft_counts import SoftCounts, sigmoid_counts, softmax_counts

SMALLEST_ERROR = 1e-7
"""Of a probability, in the focal loss: below it, powers under 1 would have infinite gradients."""


class OverlapLoss(nn.Module):
    """Tversky loss, with cross-entropy beside it; Dice is where both kinds of error weigh half.

    One minus the index (nnU-Net: minus the index), mean over structures and, without batch sums,
    over patches. A structure that is neither there nor predicted has an index of one. Under ddp,
    batch sums run over all processes, so that the loss is that of the whole batch.

    References:
        Salehi et al., "Tversky loss function for image segmentation", MLMI 2017. Milletari et al.,
        "V-Net", 3DV 2016. Isensee et al., "nnU-Net", Nature Methods 2021.
    """

    def __init__(
        self,
        exclusive: bool,
        batch_dice: bool = False,
        include_background: bool = False,
        smoothing: float = 1e-5,
        false_positives: float = 0.5,
        false_negatives: float = 0.5,
        overlap_weight: float = 1.0,
        ce_weight: float = 0.0,
    ) -> None:
        """Keep the settings.

        Args:
            exclusive: Softmax over background and structures, else a sigmoid each.
            batch_dice: Sums run over the batch.
            include_background: With exclusive structures: whether channel 0 is one of them.
            smoothing: Added to numerator and denominator of twice the index, in voxels.
            false_positives: Weight of what is wrongly called inside.
            false_negatives: Weight of what is missed.
            overlap_weight: Factor of the Tversky loss.
            ce_weight: Factor of the cross-entropy, mean over the known voxels of the batch.
        """
        super().__init__()
        self.counts = softmax_counts if exclusive else sigmoid_counts
        self.first = 1 if exclusive and not include_background else 0
        self.batch_dice = batch_dice
        self.smoothing = smoothing
        self.false_positives, self.false_negatives = false_positives, false_negatives
        self.overlap_weight, self.ce_weight = overlap_weight, ce_weight

    def forward(self, logits: Tensor, mask: Tensor) -> Tensor:
        """Logits ``(B, K, *spatial)`` of any float type, mask uint8 as in MaskBatch; a scalar."""
        counts = self.counts(logits, mask)
        loss: Tensor = self.overlap_weight * (1 - self._index(counts))
        if self.ce_weight == 0:
            return loss
        entropy: Tensor = counts.cross_entropy.sum() / counts.known.sum().clamp(min=1)
        return loss + self.ce_weight * entropy

    def _index(self, counts: SoftCounts) -> Tensor:
        sums = torch.stack([counts.intersection, counts.predicted, counts.truth])[..., self.first :]
        if self.batch_dice:
            sums = _over_processes(sums.sum(dim=1))
        found, predicted, truth = sums
        errors = self.false_positives * (predicted - found) + self.false_negatives * (truth - found)
        # Twice of both, as the Dice is written, so that the smoothing is nnU-Net's.
        index: Tensor = (2 * found + self.smoothing) / (2 * (found + errors) + self.smoothing)
        return index.mean()


class FocalLoss(nn.Module):
    """Focal loss, mean over the known voxels (and structures, where they may overlap).

    References:
        Lin et al., "Focal loss for dense object detection", ICCV 2017.
    """

    def __init__(self, exclusive: bool, gamma: float = 2.0, alpha: float | None = None) -> None:
        """Keep the settings.

        Args:
            exclusive: Softmax over background and structures, else a sigmoid each.
            gamma: Exponent of the modulating factor, >= 0; 0 is cross-entropy.
            alpha: Weight of the inside, the outside (channel 0) having ``1 - alpha``; none: both 1.
        """
        super().__init__()
        self.exclusive, self.gamma, self.alpha = exclusive, gamma, alpha

    def forward(self, logits: Tensor, mask: Tensor) -> Tensor:
        """Logits ``(B, K, *spatial)`` of any float type, mask uint8 as in MaskBatch; a scalar."""
        logits = logits.float()
        mask = mask[:, 0] if self.exclusive else mask
        if self.exclusive:
            entropy = F.cross_entropy(logits, mask.long(), ignore_index=UNKNOWN, reduction="none")
        else:
            entropy = F.softplus(torch.where(mask == 1, -logits, logits))
        known = mask != UNKNOWN
        wrong = -torch.expm1(-entropy)
        losses = wrong.clamp(min=SMALLEST_ERROR) ** self.gamma * entropy
        if self.alpha is not None:
            losses = losses * torch.where(mask == 0, 1 - self.alpha, self.alpha)
        return torch.where(known, losses, 0.0).sum() / known.sum().clamp(min=1)


class SensitivitySpecificityLoss(nn.Module):
    """Mean squared errors inside and outside of each structure, weighted; mean over structures.

    References:
        Brosch et al., "Deep 3D convolutional encoder networks with shortcuts for multiscale feature
        integration applied to multiple sclerosis lesion segmentation", IEEE TMI 2016.
    """

    def __init__(self, exclusive: bool, sensitivity_weight: float, batch_dice: bool) -> None:
        """Keep the settings.

        Args:
            exclusive: Softmax over background and structures, else a sigmoid each. The background
                is no structure.
            sensitivity_weight: Weight of the inside (``r``), the outside having ``1 - r``.
            batch_dice: Errors are means over the batch, else over one patch at a time.
        """
        super().__init__()
        self.exclusive, self.batch_dice = exclusive, batch_dice
        self.sensitivity_weight = sensitivity_weight

    def forward(self, logits: Tensor, mask: Tensor) -> Tensor:
        """Logits ``(B, K, *spatial)`` of any float type, mask uint8 as in MaskBatch; a scalar."""
        logits, mask = logits.float().flatten(2), mask.flatten(2)
        if self.exclusive:
            probability = logits.softmax(dim=1)[:, 1:]
            structures = torch.arange(1, logits.shape[1], dtype=mask.dtype, device=mask.device)
            inside = mask == structures[:, None]
        else:
            probability, inside = logits.sigmoid(), mask == 1
        outside = ~inside & (mask != UNKNOWN)
        missed = ((1 - probability) ** 2).masked_fill(~inside, 0).sum(dim=2)
        extra = (probability**2).masked_fill(~outside, 0).sum(dim=2)
        sums = torch.stack([missed, extra, inside.sum(dim=2), outside.sum(dim=2)])
        if self.batch_dice:
            sums = _over_processes(sums.sum(dim=1))
        missed, extra, within, beyond = sums
        sensitivity_error = missed / within.clamp(min=1)
        specificity_error = extra / beyond.clamp(min=1)
        weight = self.sensitivity_weight
        errors: Tensor = weight * sensitivity_error + (1 - weight) * specificity_error
        return errors.mean()


class SumOfLosses(nn.Module):
    """Weighted sum of losses."""

    def __init__(self, *weighted: tuple[float, nn.Module]) -> None:
        """Keep ``(weight, loss)`` pairs."""
        super().__init__()
        self.weights = [weight for weight, _ in weighted]
        self.losses = nn.ModuleList(loss for _, loss in weighted)

    def forward(self, logits: Tensor, mask: Tensor) -> Tensor:
        """Logits ``(B, K, *spatial)`` of any float type, mask uint8 as in MaskBatch; a scalar."""
        pairs = zip(self.weights, self.losses, strict=True)
        return torch.stack([weight * loss(logits, mask) for weight, loss in pairs]).sum()


def build_segmentation_loss(config: SegmentationLoss, labels: LabelSet) -> nn.Module:
    """Build the loss of a segmenter.

    Args:
        config: Which loss.
        labels: The structures, and whether they exclude one another.

    Returns:
        A module: logits ``(B, K, *spatial)`` and a uint8 mask as in MaskBatch to a float32 scalar;
        a batch without a known voxel has no gradient.

    Raises:
        ConfigError: If ``alpha`` is given for several structures that exclude one another.
    """
    exclusive = labels.exclusive
    if isinstance(config, SensitivitySpecificityConfig):
        return SensitivitySpecificityLoss(exclusive, config.sensitivity_weight, config.batch_dice)
    if isinstance(config, FocalDiceConfig):
        return _build_focal(config, labels)
    overlap = _shared(config)
    if isinstance(config, TverskyConfig):
        weights = config.false_positives, config.false_negatives
        return OverlapLoss(exclusive, *overlap, *weights)
    if isinstance(config, DiceCrossEntropyConfig):
        return OverlapLoss(
            exclusive, *overlap, overlap_weight=config.dice_weight, ce_weight=config.ce_weight
        )
    return OverlapLoss(exclusive, *overlap)


def _shared(
    config: DiceConfig | DiceCrossEntropyConfig | TverskyConfig,
) -> tuple[bool, bool, float]:
    return config.batch_dice, config.include_background, config.smoothing


def _build_focal(config: FocalDiceConfig, labels: LabelSet) -> nn.Module:
    if config.alpha is not None and labels.exclusive and not labels.binary:
        raise ConfigError(
            "task.loss.alpha weighs the inside of a structure against its outside, which several"
            " structures that exclude one another do not have: leave it out, or take"
            " --task.loss.kind tversky, which weighs the two kinds of error"
        )
    focal = FocalLoss(labels.exclusive, config.gamma, config.alpha)
    if config.dice_weight == 0:
        return focal
    dice = OverlapLoss(labels.exclusive, config.batch_dice, config.include_background)
    return SumOfLosses((1.0, focal), (config.dice_weight, dice))


def _over_processes(sums: Tensor) -> Tensor:
    """Sums over all processes of a training step, with gradients; as they are in one process."""
    distributed = torch.distributed.is_available() and torch.distributed.is_initialized()
    if not distributed or not torch.is_grad_enabled() or torch.distributed.get_world_size() == 1:
        return sums
    from torch.distributed.nn.functional import all_reduce

    total: Tensor = all_reduce(sums)
    return total
