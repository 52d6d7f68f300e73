"""Ends a training in the middle."""

import pytorch_lightning as pl


class StopAt(pl.Callback):
    """Ends the process's training as an exception would, at a given batch."""

    def __init__(self, batch: int) -> None:
        self.batch = batch

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        if trainer.fit_loop.epoch_loop.total_batch_idx == self.batch:
            raise RuntimeError("stopped here")
