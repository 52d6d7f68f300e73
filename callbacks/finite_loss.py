"""Stops at the first loss that is not finite, and names the cases of its batch."""

from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from datamodules.errors import LightboxError
from lightning_modules.base import TaskModule


class DivergedError(LightboxError):
    """Training lost its way: the loss is no longer a number."""

    exit_code = 7


class FiniteLoss(pl.Callback):
    """Looks at the loss of each step; on a GPU at that of the step before, so as not to wait.

    A checkpoint is never written over a loss that has not been looked at.
    """

    def __init__(self) -> None:
        self._unseen: tuple[Tensor, list[str], int] | None = None

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,  # noqa: ANN401
        batch: Any,  # noqa: ANN401
        batch_idx: int,
    ) -> None:
        """Look at the loss."""
        del outputs, batch_idx
        if not isinstance(pl_module, TaskModule):
            return
        self._look()
        loss = torch.stack([value.float() for value in pl_module.losses.values()]).sum()
        self._unseen = (loss, batch["case_id"], trainer.global_step)
        if loss.device.type == "cpu":
            self._look()

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Refuse to save what came of a bad step."""
        del trainer, pl_module, checkpoint
        self._look()

    def _look(self) -> None:
        if self._unseen is None:
            return
        (loss, cases, step), self._unseen = self._unseen, None
        if not torch.isfinite(loss):
            raise DivergedError(
                f"the loss is {float(loss)} at step {step}; the checkpoints before it are kept."
                f"\n  cases of the batch: {', '.join(cases)}"
                "\n  lower --task.optimizer.lr, use --trainer.precision 32, or look at these cases"
            )
