"""An exponential moving average of the weights that does not remember how training began."""

from collections.abc import Callable, Sequence
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import WeightAveraging
from torch import Tensor


class MovingAverage(WeightAveraging):
    """Validates and keeps averaged weights; the decay grows with the steps, up to a limit.

    With a fixed decay of .99 the random initial weights still make up a third of the average after
    a hundred steps; here the average spans at most a tenth of the steps so far. Statistics of
    normalisation layers are averaged like the weights that they belong to.

    Args:
        decay: Limit of the decay, in 0..1.
    """

    def __init__(self, decay: float) -> None:
        super().__init__(use_buffers=True, multi_avg_fn=average(decay))

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Keep the average where the weights are going to be; they are still on the CPU here."""
        self._device: Any = trainer.strategy.root_device
        super().setup(trainer, pl_module, stage)


def average(decay: float) -> Callable[[Sequence[Tensor], Sequence[Tensor], Tensor | int], None]:
    """Changes averages in place, from the weights now and the number of updates so far.

    The decay of update ``n`` is ``min(decay, (1 + n) / (10 + n))``, as in TensorFlow's
    ``ExponentialMovingAverage``.
    """

    def update(
        averaged: Sequence[Tensor], current: Sequence[Tensor], updates: Tensor | int
    ) -> None:
        if not averaged[0].is_floating_point():  # batches that a normalisation layer has seen
            torch._foreach_copy_(list(averaged), list(current))
            return
        steps = torch.as_tensor(updates, dtype=averaged[0].dtype, device=averaged[0].device)
        share = 1 - torch.clamp((1 + steps) / (10 + steps), max=decay)
        change = torch._foreach_sub(list(current), list(averaged))
        torch._foreach_mul_(change, share)
        torch._foreach_add_(list(averaged), change)

    return update
