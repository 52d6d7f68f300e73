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
    """Looks at the loss of each step; on a GPU at those of many steps together, so as not to wait.

    A checkpoint is never written over a loss that has not been looked at.
    """

    steps_together = 50

    def __init__(self) -> None:
        self._unseen: list[tuple[Tensor, list[str], int]] = []

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,  # noqa: ANN401
        batch: Any,  # noqa: ANN401
        batch_idx: int,
    ) -> None:
        """Keep the loss, and look when there are enough."""
        del outputs, batch_idx
        if not isinstance(pl_module, TaskModule):
            return
        loss = torch.stack([value.float() for value in pl_module.losses.values()]).sum()
        self._unseen.append((loss, batch["case_id"], trainer.global_step))
        if loss.device.type == "cpu" or len(self._unseen) >= self.steps_together:
            self._look()

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Refuse to save what came of a bad step, on whichever process it was."""
        del pl_module, checkpoint
        finite = all(bool(torch.isfinite(loss)) for loss, _, _ in self._unseen)
        everywhere = trainer.strategy.reduce_boolean_decision(finite, all=True)
        self._look()
        if not everywhere:
            raise DivergedError("the loss of another process is not finite; see its message")

    def _look(self) -> None:
        unseen, self._unseen = self._unseen, []
        for loss, cases, step in unseen:
            if not torch.isfinite(loss):
                raise DivergedError(
                    f"the loss is {float(loss)} at step {step}; the checkpoints before it are kept."
                    f"\n  cases of the batch: {', '.join(cases)}\n  lower --task.optimizer.lr, use"
                    " --trainer.precision 32, or look at these cases"
                )
