"""Bags as batches: all tiles of a case, or some of them, drawn anew each time while training."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from datamodules.batches import ClassifierBatch
from datamodules.loader_workers import batch_memory
from datamodules.samplers import Draw, draws_of
from datamodules.stored_bags import StoredBags

CHOICE = 0xBA65
"""Keeps the draw of tiles apart from other draws of the same key."""


class BagDataset(Dataset[ClassifierBatch]):
    """Whole batches of bags of features.

    Args:
        bags: Of all cases.
        targets: float32 ``(n, L)``.
        table: float32 ``(n, F)``, what is known of each case beside its tiles.
        seed: Of the experiment.
        most: Tiles of a case that are seen; None: all.
    """

    def __init__(
        self,
        bags: StoredBags,
        targets: NDArray[np.float32],
        table: NDArray[np.float32],
        seed: int,
        most: int | None,
    ) -> None:
        self.bags, self.targets, self.table = bags, targets, table
        self.seed, self.most = seed, most

    def __len__(self) -> int:
        return len(self.targets)

    def __getitems__(self, draws: Sequence[Draw]) -> ClassifierBatch:
        """One batch; torch's loader hands over the whole list of draws."""
        chosen = [self._choose(draw) for draw in draws]
        counts = [
            int(self.bags.lengths[draw.case]) if own is None else len(own)
            for draw, own in zip(draws, chosen, strict=True)
        ]
        image = batch_memory((sum(counts), self.bags.width))
        parts = image.split(counts)
        for part, draw, own in zip(parts, draws, chosen, strict=True):
            part.copy_(torch.from_numpy(self.bags.rows(draw.case, own)))
        return bag_batch(image, counts, draws, self.targets, self.table)

    def _choose(self, draw: Draw) -> NDArray[np.int64] | None:
        """Tiles of a case, in rising order; None: all of them."""
        count = int(self.bags.lengths[draw.case])
        if self.most is None or count <= self.most:
            return None
        generator = np.random.default_rng([self.seed, draw.epoch, draw.draw, CHOICE])
        return np.sort(generator.choice(count, self.most, replace=False))


def bag_batch(
    image: Tensor,
    counts: Sequence[int],
    draws: Sequence[Draw],
    targets: NDArray[np.float32],
    table: NDArray[np.float32],
) -> ClassifierBatch:
    """The batch of some bags.

    Args:
        image: Features of all their tiles, or the tiles, one bag after the other, ``(N, ...)``.
        counts: Tiles of each bag.
        draws: A bag each.
        targets: float32 ``(n, L)`` of all cases.
        table: float32 ``(n, F)`` of all cases.
    """
    index, epoch, number = draws_of(draws)
    return {
        "image": image,
        "target": torch.from_numpy(targets[index.numpy()]),
        "index": index,
        "epoch": epoch,
        "draw": number,
        "table": torch.from_numpy(table[index.numpy()]),
        "case_of": torch.repeat_interleave(torch.arange(len(draws)), torch.tensor(counts)),
    }
