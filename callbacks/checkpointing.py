"""When checkpoints are written: at each epoch's end, on an interval inside it, and to stop."""

import time
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Checkpoint

from callbacks.checkpoint_files import BEST, LAST, PREVIOUS, share
from callbacks.stop_request import Agreement, StopRequest
from datamodules.whole_files import remove_unfinished
from lightning_modules.base import TaskModule
from lightning_modules.metrics.directions import lower_is_better


class Checkpointing(Checkpoint):
    """Keeps last.ckpt, previous.ckpt and best.ckpt.

    Nothing is saved on the last batch of an epoch, since its validation would be lost by a kill
    before the epoch's end, nor in the middle of a window of accumulated gradients. At an improved
    epoch best.ckpt is written first: a kill between the two repeats the epoch, bit for bit.

    Args:
        folder: Where the checkpoints go.
        monitor: Validation metric that decides which is best.
        every_minutes: Time between checkpoints inside an epoch.
        every_batches: Batches between checkpoints inside an epoch, or None.
        request: Whether to stop; then the state is saved, and all processes stop after the step.
        keep_last: Whether every validated epoch counts as the best so far.
    """

    def __init__(
        self,
        folder: Path,
        monitor: str,
        every_minutes: float,
        every_batches: int | None,
        request: StopRequest,
        *,
        keep_last: bool = False,
    ) -> None:
        self.folder, self.monitor, self.request = folder, monitor, request
        self.keep_last = keep_last
        self._agreement = Agreement()
        self.every_seconds, self.every_batches = 60 * every_minutes, every_batches
        self.best: float | None = None
        self.best_epoch: int | None = None
        self._saved_at = time.monotonic()

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Clean up after a kill; save at once, so that a run that trains can always be resumed."""
        del pl_module
        self.request.take_back()
        self._agreement.take_over(trainer)
        if trainer.is_global_zero:
            remove_unfinished(self.folder)
            if trainer.ckpt_path is not None and Path(trainer.ckpt_path).name == PREVIOUS:
                # damaged; the next save would put it in the place of the one that can be read
                (self.folder / LAST).unlink(missing_ok=True)
        self._saved_at = time.monotonic()
        if trainer.ckpt_path is None:
            self._save(trainer, LAST)

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,  # noqa: ANN401
        batch: Any,  # noqa: ANN401
        batch_idx: int,
    ) -> None:
        """Save when it is time to, or to stop.

        Raises:
            StoppedError: In all processes, once the state is saved.
        """
        del pl_module, outputs, batch
        loop = trainer.fit_loop.epoch_loop
        if loop.batch_progress.is_last_batch or loop._should_accumulate():
            return
        overdue = time.monotonic() - self._saved_at >= self.every_seconds
        due, told = self._agreement.on(trainer, overdue, self.request.signal or 0)
        stopped = self.request.stop(int(told)) if told else None  # the save is not broken off
        if due or told or (self.every_batches and (batch_idx + 1) % self.every_batches == 0):
            self._save(trainer, LAST)
        if stopped is not None:
            raise stopped

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save, keep as best what validated best, and stop if that is asked for.

        Raises:
            StoppedError: In all processes, once the state is saved.
        """
        if self._improved(trainer, pl_module):
            self._save(trainer, BEST)
            if trainer.is_global_zero:
                share(self.folder / BEST, self.folder / LAST)
            trainer.strategy.barrier("checkpoint")
        else:
            self._save(trainer, LAST)
        if told := self._agreement.now(trainer, self.request.signal or 0):
            raise self.request.stop(int(told))

    def state_dict(self) -> dict[str, Any]:
        """The best value so far."""
        return {"best": self.best, "best_epoch": self.best_epoch}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from the best value so far."""
        self.best, self.best_epoch = state_dict["best"], state_dict["best_epoch"]

    def _improved(self, trainer: pl.Trainer, module: pl.LightningModule) -> bool:
        if not isinstance(module, TaskModule) or "val" not in module.summaries:
            return False
        if (trainer.current_epoch + 1) % (trainer.check_val_every_n_epoch or 1):
            return False
        value = module.summaries["val"][self.monitor]
        sign = -1 if lower_is_better(self.monitor) else 1
        worse = self.best is not None and sign * value <= sign * self.best
        if worse and not self.keep_last:
            return False
        self.best, self.best_epoch = value, trainer.current_epoch
        return True

    def _save(self, trainer: pl.Trainer, name: str) -> None:
        trainer.save_checkpoint(self.folder / name)
        self._saved_at = time.monotonic()
