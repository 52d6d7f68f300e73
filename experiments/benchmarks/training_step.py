"""A training step under Lightbox beside a bare loop of PyTorch.

Both train the same small network on the same batches with the same optimizer, gradient clipping and
schedule, calculate the loss and six more scalars, validate one batch an epoch, and end with the
same weights, bit for bit. Beyond that, Lightbox does all that a run does: it goes through
``experiments.training.fit`` with every callback of its own, seeds and checks each step, logs the
seven scalars of every step to metrics.jsonl, keeps the score of each training case and calculates
AUROC, average precision, sensitivity, specificity and six more metrics of them at the end of the
epoch, and saves checkpoints; only the progress bar is off, as in any job. The time of whole epochs
is divided by their steps.
"""

import copy
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr
from io import StringIO
from pathlib import Path
from statistics import median
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from datamodules.base import TaskDataModule
from datamodules.cases import Case, CaseTable
from datamodules.configs.splits import SplitConfig
from datamodules.configs.xrays import XraysConfig
from datamodules.data_info import LabelSet
from datamodules.splits import ContentHashes
from experiments.attempt import Attempt
from experiments.benchmarks.bare_loop import (
    BATCH_SIZE,
    CLIP,
    EPOCHS,
    OPTIMIZER,
    Work,
    bare_epochs,
    batch_loader,
    loss_and_scalars,
)
from experiments.benchmarks.comparison import Comparison
from experiments.benchmarks.sizes import Sizes
from experiments.benchmarks.timing import interleaved
from experiments.configs.logging import LoggingConfig
from experiments.configs.trainer import TrainerConfig
from experiments.experiment import Experiment
from experiments.run_folder import RunFolder
from experiments.run_log import without_noise
from experiments.training import fit
from lightning_modules.base import Batch, Prediction, Row, TaskModule
from lightning_modules.metrics.classification import ClassificationMetrics
from lightning_modules.metrics.intervals import Figure


def compare(sizes: Sizes, folder: Path) -> Iterator[Comparison]:
    """Milliseconds a step."""
    del folder
    work = Work.of(sizes.steps)
    with _one_thread():
        times = interleaved(
            {
                "ours": lambda: 1000 * median(lightbox_epochs(work)[1][1:]) / sizes.steps,
                "other": lambda: 1000 * median(bare_epochs(work)[1][1:]) / sizes.steps,
            },
            sizes.rounds,
        )
    subject = "step with 7 scalars, 4 metrics"
    yield Comparison(subject, "ms", times["ours"], "longer", 1.0, "bare loop", times["other"])


@contextmanager
def _one_thread() -> Iterator[None]:
    """A network this small takes longer on several threads, and a less certain time."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def lightbox_epochs(work: Work) -> tuple[TaskModule, list[float]]:
    """Train as a run does; the module, and seconds of each epoch."""
    settings = XraysConfig(split=SplitConfig(test_fraction=0.0))
    experiment = Experiment(
        name="benchmark",
        data=settings,
        trainer=TrainerConfig(
            max_epochs=EPOCHS, accelerator="cpu", log_every_steps=1, clip_gradient_norm=CLIP
        ),
        logging=LoggingConfig(wandb="off"),
    )
    folder, data = RunFolder.create(experiment), _BatchData(settings, work)
    module, clock = _ScoredClassifier(copy.deepcopy(work.network)), _Clock()
    with without_noise(), redirect_stderr(StringIO()):  # no terminal, no progress bar
        data.prepare(folder.splits_file)
        fit(experiment, module, data, Attempt.unrecorded(folder), None, [], [clock])
    return module, clock.durations


class _ScoredClassifier(TaskModule):
    """A yes-or-no classifier that logs seven scalars a step, and also scores its training cases."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__(OPTIMIZER, "log_loss")
        self.network = network
        self.metrics = ClassificationMetrics(LabelSet.from_classes(("no", "yes")))
        self.training_scores: list[tuple[Batch, Tensor]] = []

    def compute_loss(self, batch: Batch) -> Mapping[str, Tensor]:
        scalars, probability = loss_and_scalars(self.network, batch)
        self.training_scores.append((batch, probability))
        return scalars

    def predict_cases(self, batch: Batch) -> list[Prediction]:
        return _predictions(batch, self.network(batch["image"]).sigmoid())

    def case_targets(self, batch: Batch) -> Sequence[Any]:
        targets: Sequence[Any] = batch["target"].tolist()
        return targets

    def score_case(self, prediction: Prediction, target: Any) -> Row:  # noqa: ANN401
        return {"scores": prediction.value, "targets": target}

    def summarize(self, rows: Sequence[Row]) -> dict[str, float]:
        values: Any = rows
        return self.metrics.summarize(values)

    def final_figures(
        self, rows: Sequence[Row], operating_point: dict[str, Any], samples: int
    ) -> dict[str, Figure]:
        values: Any = rows
        return self.metrics.figures(values, None, samples, seed=0)

    def on_train_epoch_end(self) -> None:
        """The metrics of all training cases, exact."""
        rows = [
            {"case_id": each.case_id, "patient_id": each.patient_id} | self.score_case(each, target)
            for batch, scores in self.training_scores
            for each, target in zip(
                _predictions(batch, scores), self.case_targets(batch), strict=True
            )
        ]
        self.training_scores = []
        self.rows["train"] = rows
        self.summaries["train"] = self.summarize(rows)


def _predictions(batch: Batch, scores: Tensor) -> list[Prediction]:
    ids = zip(batch["case_id"], batch["patient_id"], scores.tolist(), strict=True)
    return [Prediction(*each) for each in ids]


class _BatchData(TaskDataModule):
    """Batches that are in memory already; what loading costs is measured elsewhere."""

    def __init__(self, config: XraysConfig, work: Work) -> None:
        super().__init__(config, seed=0)
        self.work = work
        training = len(work.batches) * BATCH_SIZE
        cases = [
            Case(f"c{n:06d}", f"p{n:06d}", {}, split="train" if n < training else "val")
            for n in range(training + BATCH_SIZE)
        ]
        self.made = CaseTable("benchmark", Path(), tuple(cases))

    def read(self) -> CaseTable:
        return self.made

    def prepare_pixels(self, table: CaseTable) -> ContentHashes:
        return {case.case_id: case.case_id.encode() for case in table.cases}

    def dataset(self, *, training: bool) -> Dataset[Any]:
        raise AssertionError("batches are made already")

    def train_dataloader(self) -> DataLoader[Any]:
        return batch_loader(self.work.batches)

    def val_dataloader(self) -> DataLoader[Any]:
        return batch_loader([self.work.validation])


class _Clock(pl.Callback):
    """Notes when epochs begin: an epoch lasts until the next one begins, or until all is over."""

    def __init__(self) -> None:
        self.marks: list[float] = []

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Begin an epoch."""
        self.marks.append(time.perf_counter())

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """End the last one."""
        self.marks.append(time.perf_counter())

    @property
    def durations(self) -> list[float]:
        """Seconds of each epoch."""
        return [end - start for start, end in zip(self.marks, self.marks[1:], strict=False)]
