"""Bags of patients who were followed up, as batches."""

from collections.abc import Sequence

import torch
from torch.utils.data import Dataset

from datamodules.bag_dataset import BagDataset
from datamodules.batches import SurvivalBatch
from datamodules.samplers import Draw
from datamodules.tile_dataset import TileDataset


class SurvivalDataset(Dataset[SurvivalBatch]):
    """Whole batches of bags with their follow-up.

    Args:
        bags: Batches of bags, whose target is time and event, float32 ``(B, 2)``.
    """

    def __init__(self, bags: BagDataset | TileDataset) -> None:
        self.bags = bags

    def __len__(self) -> int:
        return len(self.bags)

    def __getitems__(self, draws: Sequence[Draw]) -> SurvivalBatch:
        """One batch; torch's loader hands over the whole list of draws."""
        batch = self.bags.__getitems__(draws)
        time, event = batch["target"].unbind(1)
        return {
            "image": batch["image"],
            "time": time.contiguous(),
            "event": torch.eq(event, 1),
            "index": batch["index"],
            "epoch": batch["epoch"],
            "draw": batch["draw"],
            "table": batch["table"],
            "case_of": batch["case_of"],
        }
