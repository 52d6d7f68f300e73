"""TaskModule: the Lightning stages, once for all tasks; a task says only what is its own."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from datamodules.errors import ConfigError
from lightning_modules.configs.optimizers import Optimizer
from lightning_modules.metrics.intervals import Figure
from lightning_modules.optimizers import build_optimizer

Batch = Any
Row = dict[str, Any]
"""What scoring leaves of one case: ``case_id``, ``patient_id``, sufficient statistics."""


class Prediction(NamedTuple):
    """What the network says of one case.

    Attributes:
        case_id: The case.
        patient_id: Its patient.
        value: The task's own: probabilities, a mask in the original geometry, boxes, ...
    """

    case_id: str
    patient_id: str
    value: Any


class TaskModule(pl.LightningModule):
    """Training, validation, test and prediction of any task.

    A task writes :meth:`compute_loss`, :meth:`predict_cases`, :meth:`score_case` and
    :meth:`summarize`. Only a task with several optimizers also overrides :meth:`training_step`,
    sets ``automatic_optimization`` to False and calls :meth:`record` with its losses.

    Rows are gathered over processes, made unique by ``case_id``, and summarised by every process
    alike, so that the figures are exact under any number of processes.

    Attributes:
        network: All that is trained.
        losses: Losses of the latest training step, detached, still on the device.
        rows: Rows of the latest pass over each stage, sorted by ``case_id``.
        summaries: Metrics of the latest pass over each stage; an undefined one is absent.
        operating_point: What was chosen on validation, once it was; else empty.
    """

    headline: ClassVar[tuple[str, ...]] = ()
    """The metrics that a person wants to see first."""
    rows_follow_operating_point: ClassVar[bool] = False
    """Whether rows hold what was decided at the operating point, and no scores to decide on."""

    def __init__(self, optimizer: Optimizer, monitor: str) -> None:
        super().__init__()
        self.optimizer_config = optimizer
        self.monitored = monitor
        self.network: nn.Module
        self.losses: dict[str, Tensor] = {}
        self.rows: dict[str, list[Row]] = {}
        self.summaries: dict[str, dict[str, float]] = {}
        self.operating_point: dict[str, Any] = {}
        self._scored: list[Row] = []

    def __setattr__(self, name: str, value: Any) -> None:  # noqa: ANN401
        """Lightning notes each of some forty hooks a step, and a module's own way is slow."""
        if name == "_current_fx_name":
            self.__dict__[name] = value
        else:
            super().__setattr__(name, value)

    # What a task writes ------------------------------------------------------------------------

    @abstractmethod
    def compute_loss(self, batch: Batch) -> Mapping[str, Tensor]:
        """Losses of a training batch, scalars; ``"loss"`` is what is minimised."""

    @abstractmethod
    def predict_cases(self, batch: Batch) -> list[Prediction]:
        """One prediction a case, in the geometry in which it is scored."""

    @abstractmethod
    def score_case(self, prediction: Prediction, target: Any) -> Row:  # noqa: ANN401
        """Sufficient statistics of one case, plain values; ids are added by the base."""

    @abstractmethod
    def summarize(self, rows: Sequence[Row]) -> dict[str, float]:
        """Metrics over rows; what is undefined is left out."""

    def case_targets(self, batch: Batch) -> Sequence[Any]:
        """The truth of each case of a batch, for :meth:`score_case`."""
        targets: Sequence[Any] = batch["target"]
        return targets

    def choose_operating_point(self, rows: Sequence[Row]) -> dict[str, Any]:
        """Thresholds and the like, chosen on validation; plain values, kept with the weights."""
        del rows
        return {}

    def case_errors(self, batch: Batch) -> Tensor:
        """How wrong the latest training step was on each case of its batch.

        Returns:
            In 0..1, detached, float ``(B,)``.

        Raises:
            ConfigError: If the task has no hard-case sampling.
        """
        del batch
        raise ConfigError(
            f"{type(self).__name__} does not say how wrong it is on a case, so that there is no"
            " --data.sampling hard-cases; use class-balanced"
        )

    @abstractmethod
    def final_figures(
        self, rows: Sequence[Row], operating_point: dict[str, Any], samples: int
    ) -> dict[str, Figure]:
        """Every metric with its 95 % interval over patients."""

    def subgroup_headline(self, operating_point: dict[str, Any]) -> Sequence[str]:
        """The figures that each sex, age band, site ... is shown with."""
        del operating_point
        return self.headline

    def decided_row(self, row: Row, operating_point: dict[str, Any]) -> Row:
        """A row with what was decided on its case, so that rows of several models can be pooled.

        By default it is as it was: the task decides nothing, or its rows say what it decided.
        """
        del operating_point
        return row

    def table_row(self, row: Row, operating_point: dict[str, Any]) -> dict[str, Any]:
        """A row as columns of the prediction table."""
        del operating_point
        return row

    @property
    def encoder(self) -> nn.Module | None:
        """The part with a learning rate of its own, if any."""
        return None

    # The stages --------------------------------------------------------------------------------

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Loss of one batch."""
        del batch_idx
        losses = self.compute_loss(batch)
        self.record(losses)
        return losses["loss"]

    def record(self, losses: Mapping[str, Tensor]) -> None:
        """Keep the losses of this step for the log, without waiting for the device."""
        self.losses = {name: value.detach() for name, value in losses.items()}

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Score the cases of one batch."""
        del batch_idx
        self._score(batch)

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        """Score the cases of one batch."""
        del batch_idx
        self._score(batch)

    def predict_step(self, batch: Batch, batch_idx: int) -> list[Prediction]:
        """Predict the cases of one batch."""
        del batch_idx
        return self.predict_cases(batch)

    def on_validation_epoch_start(self) -> None:
        """Forget the rows of a pass that was broken off."""
        self._scored = []

    def on_test_epoch_start(self) -> None:
        """Forget the rows of a pass that was broken off."""
        self._scored = []

    def on_validation_epoch_end(self) -> None:
        """Summarise the pass."""
        self._finish_pass("val")
        if self.monitored not in self.summaries["val"]:
            raise ConfigError(
                f"--task.monitor: '{self.monitored}' is not defined on the validation cases;"
                f" defined are {', '.join(sorted(self.summaries['val']))}"
            )

    def on_test_epoch_end(self) -> None:
        """Summarise the pass."""
        self._finish_pass("test")

    def _score(self, batch: Batch) -> None:
        predictions = self.predict_cases(batch)
        for prediction, target in zip(predictions, self.case_targets(batch), strict=True):
            ids = {"case_id": prediction.case_id, "patient_id": prediction.patient_id}
            self._scored.append(ids | self.score_case(prediction, target))

    def _finish_pass(self, stage: str) -> None:
        rows, self._scored = gather_rows(self._scored), []
        self.rows[stage] = rows
        self.summaries[stage] = self.summarize(rows)
        named = {f"{stage}/{name}": value for name, value in self.summaries[stage].items()}
        self.log_dict(named, logger=False)

    def configure_optimizers(self) -> Any:  # noqa: ANN401 - Lightning's union of ten types
        """One optimizer with a schedule that is stepped with it."""
        steps = int(self.trainer.estimated_stepping_batches)
        optimizer, schedule = build_optimizer(
            self.optimizer_config, self.network, self.encoder, steps
        )
        return [optimizer], [{"scheduler": schedule, "interval": "step"}]


def gather_rows(rows: list[Row]) -> list[Row]:
    """Rows of all processes, each case once, sorted by ``case_id``; the same on every process."""
    gathered = [rows]
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        gathered = [[] for _ in range(torch.distributed.get_world_size())]
        torch.distributed.all_gather_object(gathered, rows)
    unique = {row["case_id"]: row for part in gathered for row in part}
    return [unique[case_id] for case_id in sorted(unique)]
