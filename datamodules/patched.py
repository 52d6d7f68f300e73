"""What the datamodules of masks and boxes share: patches in training, whole cases in evaluation."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from datamodules.base import TaskDataModule
from datamodules.cases import CaseTable
from datamodules.errors import DataError
from datamodules.splits import ContentHashes
from datamodules.volume_cache import VolumeCache

ASIDE = ("geometry", "truth", "keys")
"""What of a batch is not a tensor, and stays where it is."""
WINDOWS = "images"
"""Key of a batch whose patches are still to be made, on the device: see :attr:`on_gpu`."""


class PatchedData(TaskDataModule):
    """Images and volumes of any size, kept as they are prepared.

    Training sees patches, which are changed in the workers, or on the GPU where there is one.
    Otherwise a batch is one whole case. A task sets ``cache`` in ``prepare_pixels`` and writes
    :meth:`change_windows` and :meth:`add_truth`.
    """

    cache: VolumeCache

    def change_windows(self, batch: Any) -> Any:  # noqa: ANN401
        """The batch of patches that windows on the device, of the given ``keys``, are made into."""
        raise NotImplementedError

    def add_truth(self, batch: Any, index: int) -> None:  # noqa: ANN401
        """Add what the case of a batch, whole, is scored by: ``geometry`` and ``truth``."""
        raise NotImplementedError

    def caches(self) -> Sequence[VolumeCache]:
        """The images."""
        return (self.cache,)

    @property
    def evaluation_batch_size(self) -> int:
        """Cases differ in size: one at a time."""
        return 1

    @property
    def on_gpu(self) -> bool:
        """Whether patches are changed there."""
        return self.trainer is not None and self.trainer.strategy.root_device.type == "cuda"

    def check_spacing(self, table: CaseTable) -> None:
        """Lengths of all cases must be in one unit.

        Raises:
            DataError: If some files say how large their pixels are, and others do not.
        """
        said = [self.cache.geometry(row).has_spacing for row in range(len(self.cache))]
        if all(said) or not any(said):
            return
        rarer = sum(said) * 2 < len(said)
        which = "say" if rarer else "do not say"
        odd = [case.case_id for case, own in zip(table.cases, said, strict=True) if own is rarer]
        raise DataError(
            f"these images {which} how large their pixels are, and the others"
            f" {'do not' if rarer else 'do'}; lengths and scale need one unit",
            odd,
        )

    def median_spacing(self) -> tuple[float, ...]:
        """Of the prepared training cases, along their axes, in mm (pixels without a spacing)."""
        own = [self.cache.geometry(index).spacing for index in self.indices("train")]
        return tuple(float(value) for value in np.median(own, axis=0))

    def has_spacing(self) -> bool:
        """Whether the files of the training cases say how large their pixels are."""
        return all(self.cache.geometry(index).has_spacing for index in self.indices("train"))

    def on_before_batch_transfer(self, batch: Any, dataloader_idx: int) -> Any:  # noqa: ANN401
        """Add ids; of windows the keys of their changes, of a whole case what it is scored by."""
        batch = super().on_before_batch_transfer(batch, dataloader_idx)
        draws = batch["draw"].tolist()
        if WINDOWS in batch:
            batch["keys"] = list(zip(batch["epoch"].tolist(), draws, strict=True))
        elif draws[0] < 0:
            self.add_truth(batch, *batch["index"].tolist())
        return batch

    def transfer_batch_to_device(
        self,
        batch: Any,  # noqa: ANN401
        device: torch.device,
        dataloader_idx: int,
    ) -> Any:  # noqa: ANN401
        """Move the tensors."""
        aside = {name: batch.pop(name) for name in ASIDE if name in batch}
        return {**super().transfer_batch_to_device(batch, device, dataloader_idx), **aside}

    def on_after_batch_transfer(self, batch: Any, dataloader_idx: int) -> Any:  # noqa: ANN401
        """Change training patches on a GPU, where they are by now."""
        del dataloader_idx
        if WINDOWS not in batch:
            return batch
        ids = {name: batch[name] for name in ("case_id", "patient_id")}
        return {**self.change_windows(batch), **ids}


def contents_of(table: CaseTable, cache: VolumeCache) -> ContentHashes:
    """Hashes of each case's content, by its id."""
    hashes = (digest.tobytes() for digest in cache.hashes)
    return {case.case_id: (own,) for case, own in zip(table.cases, hashes, strict=True)}
