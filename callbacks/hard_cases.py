"""Hard-case sampling: training tells the data which cases it gets wrong."""

from typing import Any

import pytorch_lightning as pl

from datamodules.base import TaskDataModule
from datamodules.hard_cases import CaseErrors
from lightning_modules.base import TaskModule


class HardCases(pl.Callback):
    """Notes the error of every case that is drawn, and changes the chances between epochs.

    Args:
        data: Whose cases they are.
        errors: What is known of them.
    """

    def __init__(self, data: TaskDataModule, errors: CaseErrors) -> None:
        self.data, self.errors = data, errors

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,  # noqa: ANN401
        batch: Any,  # noqa: ANN401
        batch_idx: int,
    ) -> None:
        """Note the errors of the batch."""
        del trainer, outputs, batch_idx
        if isinstance(pl_module, TaskModule):
            self.errors.record(batch["index"], batch["draw"], pl_module.case_errors(batch))

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Draw the next epoch by what is known now; the checkpoint, saved after this, holds it."""
        del trainer, pl_module
        self.data.reweigh()
