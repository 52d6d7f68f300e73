"""An exponential moving average of the weights that does not remember how training began."""

from collections.abc import Callable

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
        super().__init__(use_buffers=True, avg_fn=average(decay))


def average(decay: float) -> Callable[[Tensor, Tensor, Tensor | int], Tensor]:
    """The average after one more step, from the average so far, the weights, and past updates.

    The decay of update ``n`` is ``min(decay, (1 + n) / (10 + n))``, as in TensorFlow's
    ``ExponentialMovingAverage``.
    """

    def update(averaged: Tensor, current: Tensor, updates: Tensor | int) -> Tensor:
        if not averaged.is_floating_point():  # how many batches a normalisation layer has seen
            return current
        steps = torch.as_tensor(updates, dtype=averaged.dtype, device=averaged.device)
        share = torch.clamp((1 + steps) / (10 + steps), max=decay)
        return averaged + (1 - share) * (current - averaged)

    return update
