"""From settings to an optimizer, its parameter groups and its schedule."""

import math
from collections.abc import Callable
from typing import Any

from torch import nn
from torch.optim import SGD, AdamW
from torch.optim import Optimizer as TorchOptimizer
from torch.optim.lr_scheduler import LambdaLR

from lightning_modules.configs.optimizers import (
    AdamWConfig,
    Optimizer,
    OptimizerSettings,
    ScheduleConfig,
    SGDConfig,
)


def build_optimizer(
    config: Optimizer, network: nn.Module, encoder: nn.Module | None, total_steps: int
) -> tuple[TorchOptimizer, LambdaLR]:
    """Build the optimizer of a network and its schedule, which counts optimizer steps.

    Args:
        config: Settings.
        network: Everything that is trained.
        encoder: The part that has a learning rate of its own, or None.
        total_steps: Optimizer steps of the whole run.
    """
    groups = parameter_groups(config, network, encoder)
    optimizer: TorchOptimizer
    match config:
        case AdamWConfig():
            optimizer = AdamW(groups, lr=config.lr, betas=config.betas)
        case SGDConfig():
            nesterov = config.nesterov and config.momentum > 0
            optimizer = SGD(groups, lr=config.lr, momentum=config.momentum, nesterov=nesterov)
    return optimizer, LambdaLR(optimizer, learning_rate_factor(config.schedule, total_steps))


def parameter_groups(
    config: OptimizerSettings, network: nn.Module, encoder: nn.Module | None
) -> list[dict[str, Any]]:
    """Groups by learning rate (encoder or not) and weight decay (matrices or not).

    Biases and the parameters of normalisation layers, all of at most one dimension, are not
    decayed. Parameters that need no gradient stand in no group.
    """
    in_encoder = {id(p) for p in encoder.parameters()} if encoder is not None else set()
    encoder_lr = config.encoder_lr or config.lr
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for parameter in network.parameters():
        if parameter.requires_grad:
            lr = encoder_lr if id(parameter) in in_encoder else config.lr
            decay = config.weight_decay if parameter.ndim > 1 else 0.0
            groups.setdefault((lr, decay), []).append(parameter)
    return [
        {"params": members, "lr": lr, "weight_decay": decay}
        for (lr, decay), members in groups.items()
    ]


def learning_rate_factor(config: ScheduleConfig, total_steps: int) -> Callable[[int], float]:
    """The factor on every learning rate as a function of the optimizer step.

    The warm-up never takes more than a tenth of the run.
    """
    warmup = min(config.warmup_steps, total_steps // 10)

    def factor(step: int) -> float:
        if step < warmup:
            return (step + 1) / (warmup + 1)
        progress = min(1.0, (step - warmup) / max(1, total_steps - warmup))
        match config.kind:
            case "constant":
                return 1.0
            case "cosine":
                return 0.5 * (1 + math.cos(math.pi * progress))
            case "polynomial":
                return float((1 - progress) ** 0.9)

    return factor
