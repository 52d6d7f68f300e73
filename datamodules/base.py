"""TaskDataModule: cases, splits, samplers and loaders; a task adds its targets and its pixels."""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader, Dataset

from datamodules.cache_copy import copy_entry
from datamodules.cache_entries import FinishedEntry
from datamodules.cases import CaseTable
from datamodules.configs.data import DataSettings
from datamodules.doctor.examination import examine_cases
from datamodules.errors import DataError
from datamodules.hard_cases import CaseErrors
from datamodules.loader_workers import batch_loader
from datamodules.readers.reader import Reading
from datamodules.samplers import EvaluationSampler, TrainingSampler
from datamodules.splits import ContentHashes, check_content, divide
from datamodules.splits_file import check_same_patients, read_splits, write_splits

SPLITS = ("train", "val", "test")


class TaskDataModule(pl.LightningDataModule):
    """The data of one task, from a reader to batches.

    A task writes :meth:`prepare_pixels` and :meth:`dataset`, and may write :meth:`facts` and
    :meth:`case_weights`.
    Call :meth:`prepare` once before training; the order of training cases is then a function of
    (seed, epoch), so that a checkpoint holds two numbers and no history. Only hard-case sampling
    adds what it goes by: ``case_errors``, set by a task that has it, and read by ``case_weights``.

    Args:
        config: Settings.
        seed: Seed of the experiment.
    """

    case_noun: ClassVar[str] = "case"
    """What a report calls a case."""

    def __init__(self, config: DataSettings, seed: int) -> None:
        super().__init__()
        self.config, self.seed = config, seed
        self._table: CaseTable | None = None
        self.splits: dict[str, str] = {}
        self.notices: list[str] = []
        self.allow_zero_length_dataloader_with_multiple_devices = False
        self.case_errors: CaseErrors | None = None
        self._sampler: TrainingSampler | None = None
        self._resume_at = (0, 0)

    @abstractmethod
    def prepare_pixels(self, table: CaseTable) -> ContentHashes:
        """Preprocess every case once, and return hashes of each one's content by case id."""

    def kept_contents(self) -> ContentHashes | None:
        """What :meth:`prepare_pixels` returned, now or earlier, if it is still kept; else None.

        Reads no pixels.

        Raises:
            DataError: If the cases cannot be listed.
        """
        return None

    @abstractmethod
    def dataset(self, *, training: bool) -> Dataset[Any]:
        """A dataset whose ``__getitems__`` turns a list of draws into one batch."""

    def caches(self) -> Sequence[FinishedEntry]:
        """What :meth:`prepare_pixels` has built or opened."""
        return ()

    def prepared(self, copy_to: Path | None = None) -> Iterator[str]:
        """Say what is kept and where, once it is prepared.

        Args:
            copy_to: Another cache, to which it is copied first.
        """
        for entry in self.caches():
            place = entry.path if copy_to is None else copy_entry(entry, copy_to)
            yield f"{len(entry)} images: {place}"

    def sheets(self) -> Iterator[tuple[str, np.ndarray]]:
        """Pictures of how each case was prepared, RGB uint8, for a person to check; by case id."""
        return iter(())

    def facts(self) -> dict[str, Any]:
        """What a module knew of the data when it was built: plain values, kept in checkpoints."""
        return {}

    def case_weights(self, indices: Sequence[int]) -> np.ndarray | None:
        """Chance of each training case to be drawn; None: every case once an epoch."""
        del indices
        return None

    @property
    def batches_per_epoch(self) -> int | None:
        """Batches of a process that are called an epoch; None: as many as show each case once."""
        return None

    @property
    def evaluation_batch_size(self) -> int:
        """Cases of a batch that is not trained on."""
        return self.config.batch_size

    def read(self) -> CaseTable:
        """List the cases, once; reads no pixels.

        Raises:
            DataError: If the dataset is not laid out as its reader expects.
        """
        if self._table is None:
            self._table = self.arrange(self.config.reader.read())
        return self._table

    def arrange(self, table: CaseTable) -> CaseTable:
        """What the task makes of the cases that a reader lists; by default nothing."""
        return table

    @property
    def table(self) -> CaseTable:
        """The cases."""
        return self.read()

    def check(self) -> None:
        """Look for faults that need no pixels, before anything is made.

        Raises:
            DataError: Lists all of them.
        """
        examine_cases(self.config, Reading.attempt(self.read)).refuse_errors()

    def prepare(self, splits_file: Path | None = None, *, held_out: bool = False) -> None:
        """Read the cases, preprocess them, and divide them.

        Args:
            splits_file: Where the division is kept; read when it is there, else written.
            held_out: All cases are one test set (an external dataset), and nothing is divided.

        Raises:
            DataError: Lists everything that is wrong with the dataset, or names who leaks.
        """
        self.notices = list(self.table.notices)
        if held_out:
            self.splits = {case.case_id: "test" for case in self.table.cases}
            self.prepare_pixels(self.table)
            if not self.indices("test"):
                raise DataError(f"no case of {self.table.name} is annotated; none can be scored")
            return
        kept = None
        if splits_file is not None and splits_file.exists():
            kept = read_splits(splits_file)
            check_same_patients(self.table, splits_file)
        hashes = self.prepare_pixels(self.table)
        self._divide(hashes, kept)
        if splits_file is not None and kept is None:
            write_splits(splits_file, self.table, self.splits, hashes)

    def _divide(self, hashes: ContentHashes, kept: dict[str, str] | None) -> None:
        self.splits, notices = divide(self.table, self.config.split, hashes)
        self.notices += notices
        if kept is not None:
            self.splits, _ = check_content(kept, hashes, official=False)
        empty = [name for name in ("train", "val") if not self.indices(name)]
        if empty:
            raise DataError(
                f"no case with a known label is left for {' and '.join(empty)}; check the splits"
            )

    def indices(self, split: str) -> list[int]:
        """Positions in the table of the cases of one split."""
        return [
            index
            for index, case in enumerate(self.table.cases)
            if self.splits[case.case_id] == split
        ]

    def train_dataloader(self) -> DataLoader[Any]:
        """Batches of the training cases, augmented, in the order of the epoch."""
        indices = self.indices("train")
        rank, world_size = self._place()
        sampler = TrainingSampler(
            indices,
            self.config.batch_size,
            self.seed,
            weights=self.case_weights(indices),
            batches=self.batches_per_epoch,
            rank=rank,
            world_size=world_size,
        )
        sampler.resume(*self._resume_at)
        self._resume_at = (0, 0)
        self._sampler = sampler
        return self._loader(self.dataset(training=True), sampler)

    def reweigh(self) -> None:
        """After an epoch, let the errors seen in it change the chances; all processes together."""
        if self.case_errors is not None and self._sampler is not None:
            self.case_errors.finish_epoch()
            self._sampler.reweigh(self.case_weights(self.indices("train")))

    def val_dataloader(self) -> DataLoader[Any]:
        """Batches of the validation cases, each once."""
        return self.evaluation_dataloader("val")

    def test_dataloader(self) -> DataLoader[Any]:
        """Batches of the test cases, each once."""
        return self.evaluation_dataloader("test")

    def predict_dataloader(self) -> DataLoader[Any]:
        """Batches of the test cases, each once, for predictions without figures."""
        return self.evaluation_dataloader("test")

    def evaluation_dataloader(self, split: str) -> DataLoader[Any]:
        """Batches of the cases of a split, each once over all processes.

        Raises:
            DataError: If a process would be left without a case.
        """
        rank, world_size = self._place()
        self.check_processes(world_size)
        sampler = EvaluationSampler(
            self.indices(split), self.evaluation_batch_size, rank=rank, world_size=world_size
        )
        ahead = 1 if self.evaluation_batch_size == 1 else None  # each may be a large volume
        return self._loader(self.dataset(training=False), sampler, ahead)

    def check_processes(self, world_size: int) -> None:
        """Look whether every process gets a case of each split that is not empty.

        Raises:
            DataError: If not.
        """
        for split in SPLITS:
            if 0 < (cases := len(self.indices(split))) < world_size:
                raise DataError(
                    f"{split} has {cases} cases, fewer than the {world_size} processes;"
                    " lower --trainer.devices or enlarge the split"
                )

    def _loader(
        self,
        dataset: Dataset[Any],
        sampler: TrainingSampler | EvaluationSampler,
        ahead: int | None = None,
    ) -> DataLoader[Any]:
        return batch_loader(dataset, sampler, self.config.workers, self.seed, ahead)

    def _place(self) -> tuple[int, int]:
        return (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)

    def on_before_batch_transfer(self, batch: Any, dataloader_idx: int) -> Any:  # noqa: ANN401
        """Add the ids of cases and patients, which workers do not carry."""
        del dataloader_idx
        cases = [self.table.cases[index] for index in batch["index"].tolist()]
        batch["case_id"] = [case.case_id for case in cases]
        batch["patient_id"] = [case.patient_id for case in cases]
        return batch

    def transfer_batch_to_device(
        self,
        batch: Any,  # noqa: ANN401
        device: torch.device,
        dataloader_idx: int,
    ) -> Any:  # noqa: ANN401
        """Move the tensors; the ids stay aside, as Lightning would look at every one of them."""
        ids = {name: batch.pop(name) for name in ("case_id", "patient_id") if name in batch}
        return {**super().transfer_batch_to_device(batch, device, dataloader_idx), **ids}

    def state_dict(self) -> dict[str, Any]:
        """Epoch and number of batches done in it, and errors: all that the order depends on."""
        if self.trainer is None:
            return {}
        loop = self.trainer.fit_loop
        done = loop.epoch_loop.batch_progress.current.ready
        whole = done >= self.trainer.num_training_batches
        errors = {} if self.case_errors is None else {"case_errors": self.case_errors.state_dict()}
        return {
            "epoch": vars(loop.epoch_progress.current)["processed"],
            "batches": 0 if whole else done,
            **errors,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Start the next training loader where the checkpoint was saved."""
        self._resume_at = (state_dict["epoch"], state_dict["batches"])
        if self.case_errors is not None and "case_errors" in state_dict:
            self.case_errors.load_state_dict(state_dict["case_errors"])
