"""Losses of the classifiers; labels that are not known (NaN) never contribute."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from datamodules.data_info import DataInfo
from datamodules.errors import ConfigError
from lightning_modules.configs.losses import (
    ClassBalancedConfig,
    ClassificationLoss,
    CrossEntropyConfig,
    FocalConfig,
    OrdinalConfig,
)
from lightning_modules.losses.known_labels import known_mean
from lightning_modules.losses.ordinal import OrdinalLoss

POSITIVE_WEIGHT_RANGE = (0.01, 100.0)
"""Range of the weight of positives against negatives: a label with one case must not rule."""


class BinaryCrossEntropy(nn.Module):
    """Cross-entropy of yes-or-no labels, mean over the known ones."""

    positive_weights: Tensor | None
    negative_weights: Tensor | None

    def __init__(
        self,
        positive_weights: Tensor | None = None,
        negative_weights: Tensor | None = None,
        label_smoothing: float = 0.0,
    ) -> None:
        """Keep the weights.

        Args:
            positive_weights: Weight of each label where it holds, shape ``(L,)``; none: 1.
            negative_weights: Weight of each label where it does not, shape ``(L,)``; none: 1.
            label_smoothing: Targets become ``target * (1 - s) + s / 2``.
        """
        super().__init__()
        self.register_buffer("positive_weights", positive_weights, persistent=False)
        self.register_buffer("negative_weights", negative_weights, persistent=False)
        self.label_smoothing = label_smoothing

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Logits ``(B, L)`` of any float type, targets ``(B, L)`` in 0..1 or NaN; a scalar."""
        logits, known = logits.float(), ~targets.isnan()
        targets = (
            targets.float().nan_to_num() * (1 - self.label_smoothing) + self.label_smoothing / 2
        )
        positive = -targets * F.logsigmoid(logits)
        negative = -(1 - targets) * F.logsigmoid(-logits)
        if self.positive_weights is not None:
            positive = positive * self.positive_weights
        if self.negative_weights is not None:
            negative = negative * self.negative_weights
        return known_mean(positive + negative, known)


class SoftmaxCrossEntropy(nn.Module):
    """Cross-entropy of classes that exclude one another, mean over the known cases.

    The mean is over cases, not over weights: a case counts the same whatever its batch holds.
    """

    class_weights: Tensor | None

    def __init__(self, class_weights: Tensor | None = None, label_smoothing: float = 0.0) -> None:
        """Keep the weights.

        Args:
            class_weights: Weight of each class, shape ``(L,)``; none: 1.
            label_smoothing: Targets become ``target * (1 - s) + s / L``.
        """
        super().__init__()
        self.register_buffer("class_weights", class_weights, persistent=False)
        self.label_smoothing = label_smoothing

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Logits ``(B, L)`` of any float type, targets ``(B, L)`` one-hot or NaN; a scalar."""
        logits, known = logits.float(), ~targets.isnan().any(dim=1)
        smoothing = self.label_smoothing
        targets = targets.float().nan_to_num() * (1 - smoothing) + smoothing / logits.shape[1]
        losses = -targets * F.log_softmax(logits, dim=1)
        if self.class_weights is not None:
            losses = losses * self.class_weights
        return known_mean(losses.sum(dim=1), known)


class BinaryFocalLoss(nn.Module):
    """Focal loss of yes-or-no labels, mean over the known ones.

    References:
        Lin et al., "Focal loss for dense object detection", ICCV 2017.
    """

    def __init__(self, gamma: float = 2.0, alpha: float | None = None) -> None:
        """Keep the settings.

        Args:
            gamma: Exponent of the modulating factor, >= 0; 0 is cross-entropy.
            alpha: Weight of positives, negatives having ``1 - alpha``; none: both 1.
        """
        super().__init__()
        self.gamma = gamma
        self.alpha = alpha

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Logits ``(B, L)`` of any float type, targets ``(B, L)`` 0, 1 or NaN; a scalar."""
        logits, known = logits.float(), ~targets.isnan()
        targets = targets.float().nan_to_num()
        towards_truth = logits * (2 * targets - 1)
        # (1 - p)^gamma from its logarithm: its gradient stays finite where p rounds to 1.
        modulation = torch.exp(self.gamma * F.logsigmoid(-towards_truth))
        losses = -modulation * F.logsigmoid(towards_truth)
        if self.alpha is not None:
            losses = losses * (self.alpha * targets + (1 - self.alpha) * (1 - targets))
        return known_mean(losses, known)


class SoftmaxFocalLoss(nn.Module):
    """Focal loss of classes that exclude one another, mean over the known cases.

    References:
        Lin et al., "Focal loss for dense object detection", ICCV 2017.
    """

    def __init__(self, gamma: float = 2.0) -> None:
        """Keep the exponent of the modulating factor, >= 0; 0 is cross-entropy."""
        super().__init__()
        self.gamma = gamma

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Logits ``(B, L)`` of any float type, targets ``(B, L)`` one-hot or NaN; a scalar."""
        logits, known = logits.float(), ~targets.isnan().any(dim=1)
        # An unknown case is given some class: without one its gradient would be NaN, not zero.
        truth = F.one_hot(targets.nan_to_num().argmax(dim=1), logits.shape[1]).bool()
        total = logits.logsumexp(dim=1)
        right = logits.masked_fill(~truth, -torch.inf).logsumexp(dim=1) - total
        wrong = logits.masked_fill(truth, -torch.inf).logsumexp(dim=1) - total
        return known_mean(-torch.exp(self.gamma * wrong) * right, known)


def build_loss(config: ClassificationLoss, data: DataInfo) -> nn.Module:
    """Build the loss of a classifier.

    Args:
        config: Which loss.
        data: Whether classes exclude one another, and how many training cases each label has.

    Returns:
        A module: logits ``(B, L)`` and targets ``(B, L)`` (1, 0, NaN for not known; one-hot when
        classes exclude one another) to a float32 scalar, zero for a batch without a known label.

    Raises:
        ConfigError: If ``alpha`` is given for classes that exclude one another, or classes that
            are no grades are to be ordinal.
    """
    if isinstance(config, FocalConfig):
        return _build_focal(config, data)
    if isinstance(config, OrdinalConfig):
        if not data.labels.ordered:
            raise ConfigError("task.loss.kind ordinal is for grades: say --data.ordered True")
        return OrdinalLoss(config.distance_weight)
    if isinstance(config, ClassBalancedConfig):
        return _build_class_balanced(config, data)
    return _build_cross_entropy(config, data)


def effective_number_weights(counts: Sequence[int], beta: float) -> Tensor:
    """Weights of classes by their effective number of cases, summing to the number of classes.

    Args:
        counts: Training cases of each class; none counts as one.
        beta: 0 weighs all alike, towards 1 the weights become inverse frequencies.

    Returns:
        float32, shape ``(len(counts),)``: proportional to ``(1 - beta) / (1 - beta^n)``.

    References:
        Cui et al., "Class-balanced loss based on effective number of samples", CVPR 2019.
    """
    number = torch.tensor(counts, dtype=torch.float64).clamp(min=1)
    weights = (1 - beta) / (1 - beta**number)
    return (weights * len(counts) / weights.sum()).float()


def inverse_frequency_weights(counts: Sequence[int]) -> Tensor:
    """Weights of classes by the inverse of their counts, with mean 1 over the training cases.

    Args:
        counts: Training cases of each class; none counts as one.

    Returns:
        float32, shape ``(len(counts),)``.
    """
    number = torch.tensor(counts, dtype=torch.float64).clamp(min=1)
    return (number.sum() / (len(counts) * number)).float()


def _build_focal(config: FocalConfig, data: DataInfo) -> nn.Module:
    if not data.labels.exclusive:
        return BinaryFocalLoss(config.gamma, config.alpha)
    if config.alpha is not None:
        raise ConfigError(
            "task.loss.alpha weighs positives against negatives, which classes that exclude one "
            "another do not have: leave it out, or weigh them with --task.loss.kind class-balanced"
        )
    return SoftmaxFocalLoss(config.gamma)


def _build_class_balanced(config: ClassBalancedConfig, data: DataInfo) -> nn.Module:
    if data.labels.exclusive:
        return SoftmaxCrossEntropy(effective_number_weights(data.positives, config.beta))
    pairs = zip(data.negatives, data.positives, strict=True)
    weights = torch.stack([effective_number_weights(pair, config.beta) for pair in pairs])
    return BinaryCrossEntropy(positive_weights=weights[:, 1], negative_weights=weights[:, 0])


def _build_cross_entropy(config: CrossEntropyConfig, data: DataInfo) -> nn.Module:
    weighted = config.weighting == "inverse-frequency"
    if data.labels.exclusive:
        weights = inverse_frequency_weights(data.positives) if weighted else None
        return SoftmaxCrossEntropy(weights, config.label_smoothing)
    positives = torch.tensor(data.positives, dtype=torch.float32).clamp(min=1)
    ratio = (torch.tensor(data.negatives) / positives).clamp(*POSITIVE_WEIGHT_RANGE)
    return BinaryCrossEntropy(ratio if weighted else None, label_smoothing=config.label_smoothing)
