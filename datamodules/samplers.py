"""Which case is drawn when: a function of seed, epoch and weights, not of earlier epochs."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch.utils.data import Sampler


class Draw(NamedTuple):
    """One case to load, and the key of its random augmentation.

    Attributes:
        case: Position in the table of cases.
        epoch: Epoch, or -1 when nothing is random.
        draw: Position in the epoch's global order, over all processes.
    """

    case: int
    epoch: int = -1
    draw: int = -1


class TrainingSampler(Sampler[list[Draw]]):
    """Batches of draws for one process; every process computes the same global order.

    An epoch is a whole number of global batches: the cases that are left over differ from epoch
    to epoch, since the order does. With fewer cases than one global batch, the order goes on with
    further permutations. Lightning calls :meth:`set_epoch` through ``sampler.sampler``.

    Args:
        indices: Positions of the training cases.
        weights: Chance of each case to be drawn (with replacement); None: each once.
        batch_size: Cases a batch and process.
        seed: Seed of the experiment.
        batches: In an epoch, for each process; None: as many as show each case once.
        rank: Number of this process.
        world_size: Number of processes.
    """

    def __init__(
        self,
        indices: Sequence[int],
        batch_size: int,
        seed: int,
        *,
        weights: np.ndarray | None = None,
        batches: int | None = None,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        self.indices = np.asarray(indices, dtype=np.int64)
        self.batch_size, self.seed = batch_size, seed
        self.reweigh(weights)
        self.batches = batches
        self.rank, self.world_size = rank, world_size
        self.epoch = 0
        self.skip = 0
        self.sampler = self

    def __len__(self) -> int:
        """Batches in a whole epoch, also after a resume in the middle of one."""
        return self.batches or max(1, len(self.indices) // (self.batch_size * self.world_size))

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch of the next iteration."""
        self.epoch = epoch

    def reweigh(self, weights: np.ndarray | None) -> None:
        """Change the chance of each case, between two epochs; None: each once."""
        self.weights = None if weights is None else weights / weights.sum()

    def resume(self, epoch: int, batches_done: int) -> None:
        """Make the next iteration start after the batches that a checkpoint has seen."""
        self.epoch, self.skip = epoch, batches_done

    def order(self, epoch: int) -> np.ndarray:
        """Positions of all cases drawn in an epoch, over all processes, in order."""
        rng = np.random.default_rng([self.seed, epoch, 0xC0FFEE])
        wanted = len(self) * self.batch_size * self.world_size
        if self.weights is not None:
            return rng.choice(self.indices, size=wanted, p=self.weights)
        rounds = -(-wanted // len(self.indices))
        return np.concatenate([rng.permutation(self.indices) for _ in range(rounds)])[:wanted]

    def __iter__(self) -> Iterator[list[Draw]]:
        """Yield this process's batches; rank r takes every world_size-th draw of a global batch."""
        epoch, skip = self.epoch, self.skip
        self.skip = 0
        order = self.order(epoch)
        step = self.batch_size * self.world_size
        for batch in range(skip, len(self)):
            draws = range(batch * step + self.rank, (batch + 1) * step, self.world_size)
            yield [Draw(int(order[draw]), epoch, draw) for draw in draws]


class EvaluationSampler(Sampler[list[Draw]]):
    """Every case exactly once over all processes: no padding, no repeats, nothing random.

    Whole batches go to the processes in turn, so that the composition of a batch, and with it
    every bit of its result, is the same under any number of processes. Only where there are fewer
    batches than processes are the batches made smaller.
    """

    def __init__(
        self, indices: Sequence[int], batch_size: int, *, rank: int = 0, world_size: int = 1
    ) -> None:
        self.indices = [int(index) for index in indices]
        too_few = len(self.indices) <= batch_size * (world_size - 1)
        self.batch_size = max(1, len(self.indices) // world_size) if too_few else batch_size
        self.rank, self.world_size = rank, world_size

    def __len__(self) -> int:
        batches = -(-len(self.indices) // self.batch_size)
        return len(range(self.rank, batches, self.world_size))

    def __iter__(self) -> Iterator[list[Draw]]:
        for start in range(
            self.rank * self.batch_size, len(self.indices), self.batch_size * self.world_size
        ):
            yield [Draw(index) for index in self.indices[start : start + self.batch_size]]


def label_balanced_weights(
    targets: np.ndarray, *, exclusive: bool, importance: np.ndarray | None = None
) -> np.ndarray:
    """Chance of each case so that every outcome of every label is drawn equally often.

    Args:
        targets: float ``(n, L)``: 1, 0, or NaN where not known.
        exclusive: Whether exactly one label holds a case; then only label = 1 is an outcome.
        importance: Of each case against others with the same outcome, float64 ``(n,)``, positive;
            None: all alike.

    Returns:
        float64 ``(n,)``, positive: a case's importance, times the mean over its known labels of
        one over the summed importance of the cases with the same outcome (without importance:
        over their number); a case without a known label has the least weight.
    """
    importance = np.ones(len(targets)) if importance is None else importance
    weights = np.full(targets.shape, np.nan)
    for label in range(targets.shape[1]):
        for outcome in (1.0,) if exclusive else (0.0, 1.0):
            same = targets[:, label] == outcome
            weights[same, label] = importance[same] / importance[same].sum()
    known = ~np.isnan(weights)
    mean = np.where(known, weights, 0.0).sum(1) / np.maximum(1, known.sum(1))
    least = mean[mean > 0].min() if (mean > 0).any() else 1.0
    return np.asarray(np.where(mean > 0, mean, least))


def draws_of(draws: Sequence[Draw]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Index, epoch and draw of each case of a batch, int64 ``(B,)``."""
    table = torch.tensor(draws, dtype=torch.int64).reshape(-1, 3)
    return table[:, 0].contiguous(), table[:, 1].contiguous(), table[:, 2].contiguous()
