"""What a person sees while training: a bar in a terminal, and a line an epoch everywhere."""

import logging
import sys
import time
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import ProgressBar, RichProgressBar

from lightning_modules.base import TaskModule

log = logging.getLogger("lightbox")


class TrainingBar(RichProgressBar):
    """Lightning's rich bar with the latest loss and the monitored metric.

    Args:
        monitor: Validation metric to show, or None.
    """

    def __init__(self, monitor: str | None) -> None:
        super().__init__(leave=False, refresh_rate=5)
        self.monitor = monitor

    def get_metrics(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule
    ) -> dict[str, int | str | float | dict[str, float]]:
        """Loss of the latest step, monitored metric of the latest validation."""
        del trainer
        shown: dict[str, int | str | float | dict[str, float]] = {}
        if isinstance(pl_module, TaskModule):
            shown |= {name: f"{float(value):.3f}" for name, value in pl_module.losses.items()}
            value = pl_module.summaries.get("val", {}).get(self.monitor or "")
            if value is not None:
                shown[f"val/{self.monitor}"] = f"{value:.3f}"
        return shown


class NoBar(ProgressBar):
    """No bar: output goes to a file or another program."""

    def disable(self) -> None:
        """There is nothing to disable."""


def progress_bar(monitor: str | None) -> ProgressBar:
    """A bar when a person watches, else none."""
    return TrainingBar(monitor) if sys.stderr.isatty() else NoBar()


class EpochLines(pl.Callback):
    """One line for each epoch, to the console and run.log.

    Args:
        monitor: Validation metric to show first.
    """

    def __init__(self, monitor: str) -> None:
        self.monitor = monitor
        self._started = time.monotonic()

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the clock."""
        del trainer, pl_module
        self._started = time.monotonic()

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Print the line."""
        if not trainer.is_global_zero or not isinstance(pl_module, TaskModule):
            return
        parts: dict[str, Any] = {f"train/{k}": float(v) for k, v in pl_module.losses.items()}
        validated = (trainer.current_epoch + 1) % (trainer.check_val_every_n_epoch or 1) == 0
        metrics = pl_module.summaries.get("val", {}) if validated else {}
        for name in dict.fromkeys((self.monitor, *pl_module.headline)):
            if name in metrics:
                parts[f"val/{name}"] = metrics[name]
        values = "  ".join(f"{name} {value:.4f}" for name, value in parts.items())
        seconds = time.monotonic() - self._started
        log.info(
            "epoch %d/%s  %s  (%.0f s)",
            trainer.current_epoch + 1,
            trainer.max_epochs,
            values,
            seconds,
        )
