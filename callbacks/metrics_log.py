"""metrics.jsonl, the record of every logged value, and the same values to Lightning's loggers."""

import json
import math
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytorch_lightning as pl

from datamodules.whole_files import append_lines, write_whole
from lightning_modules.base import TaskModule

SECONDS_TOGETHER = 1.0


class MetricsLog(pl.Callback):
    """Writes one JSON object a line: step, epoch, time, attempt and values by name.

    Rows are written before the checkpoint of the same step, and rows past the checkpoint are
    removed at a resume, so that the file has neither gaps nor repeats. Those of up to a second are
    written together: opening the file for each would take as long as a small training step.

    Args:
        path: The file.
        every_steps: Optimizer steps between rows while training.
        attempt: Which attempt at the run this is, from 1.
    """

    def __init__(self, path: Path, every_steps: int, attempt: int) -> None:
        self.path, self.every_steps, self.attempt = path, every_steps, attempt
        self._logged_step = 0
        self._since = (time.monotonic(), 0)
        self._unwritten: list[str] = []
        self._written_at = -math.inf

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Drop what was logged after the checkpoint that training starts from."""
        del pl_module
        self._logged_step = trainer.global_step
        self._since = (time.monotonic(), 0)
        if trainer.is_global_zero:
            keep_until(self.path, trainer.global_step)

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,  # noqa: ANN401
        batch: Any,  # noqa: ANN401
        batch_idx: int,
    ) -> None:
        """Log the losses of every so many optimizer steps."""
        del outputs, batch_idx
        started, cases = self._since
        self._since = (started, cases + len(batch["index"]) * trainer.world_size)
        step = trainer.global_step
        if step // self.every_steps == self._logged_step // self.every_steps:
            return
        self._logged_step = step
        if trainer.is_global_zero and isinstance(pl_module, TaskModule):
            self._write(trainer, self._training_values(trainer, pl_module))
        self._since = (time.monotonic(), 0)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Log the metrics of a validation inside training."""
        if (
            trainer.is_global_zero
            and trainer.state.fn == "fit"
            and isinstance(pl_module, TaskModule)
        ):
            self._write(trainer, {f"val/{k}": v for k, v in pl_module.summaries["val"].items()})

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Write every row of the steps that the checkpoint has done."""
        del trainer, pl_module, checkpoint
        self._flush()

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write what is left."""
        del trainer, pl_module
        self._flush()

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        """Write what is left."""
        del trainer, pl_module, exception
        self._flush()

    def _training_values(self, trainer: pl.Trainer, module: TaskModule) -> dict[str, float]:
        values = {f"train/{name}": float(loss) for name, loss in module.losses.items()}
        values["train/lr"] = trainer.optimizers[0].param_groups[-1]["lr"]
        started, cases = self._since
        values["train/cases_per_second"] = round(cases / max(1e-9, time.monotonic() - started), 1)
        return values

    def _write(self, trainer: pl.Trainer, values: dict[str, float]) -> None:
        row = {
            "step": trainer.global_step,
            "epoch": trainer.current_epoch,
            "time": round(time.time(), 3),
            "attempt": self.attempt,
            "values": values,
        }
        self._unwritten.append(json.dumps(row) + "\n")
        if time.monotonic() - self._written_at >= SECONDS_TOGETHER:
            self._flush()
        for logger in trainer.loggers:
            logger.log_metrics({**values, "epoch": trainer.current_epoch}, trainer.global_step)

    def _flush(self) -> None:
        rows, self._unwritten = self._unwritten, []
        if rows:
            append_lines(self.path, "".join(rows))
        self._written_at = time.monotonic()


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """The rows of a metrics.jsonl, without what a kill or a power failure left of others."""
    if not path.exists():
        return []
    rows = []
    for line in path.read_bytes().splitlines(keepends=True):
        with suppress(ValueError):
            if line.endswith(b"}\n"):
                rows.append(json.loads(line))
    return rows


def last_step(path: Path) -> int:
    """The optimizer step of the last row of a metrics.jsonl; 0 where there is none."""
    rows = read_metrics(path)
    return int(rows[-1]["step"]) if rows else 0


def keep_until(path: Path, step: int) -> None:
    """Rewrite a metrics.jsonl without the rows after a step, whole or not at all."""
    if not path.exists():
        return
    kept = [row for row in read_metrics(path) if row["step"] <= step]
    write_whole(path, "".join(json.dumps(row) + "\n" for row in kept))
