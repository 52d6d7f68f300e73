"""What every classifier is: binary, one of many classes, or many labels, some of them missing."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from datamodules.batches import ClassifierBatch
from datamodules.data_info import DataInfo
from lightning_modules.base import Prediction, Row, TaskModule
from lightning_modules.configs.classifier import ClassifierConfig
from lightning_modules.losses.case_errors import case_errors
from lightning_modules.losses.classification import build_loss
from lightning_modules.metrics.classification import ClassificationMetrics
from lightning_modules.metrics.decisions import decided_row, table_row, thresholds
from lightning_modules.metrics.intervals import Figure
from lightning_modules.metrics.operating_points import choose_thresholds
from lightning_modules.metrics.rows import ClassificationRow
from lightning_modules.networks.classifier import ClassifierNetwork, ClassifierOutput

SUBGROUP_FIGURES = ("auroc", "sensitivity@operating_point", "specificity@operating_point")
SUBGROUP_FIGURES_OF_CLASSES = ("auroc", "accuracy", "balanced_accuracy")


class Classifier(TaskModule):
    """Classifies films or volumes; a task builds the network.

    Args:
        config: Settings.
        data: What is known of the data: labels, their counts in training, image size.
        network: What looks at the images.
    """

    network: ClassifierNetwork
    _logits: Tensor
    headline = (
        "auroc",
        "average_precision",
        "accuracy",
        "quadratic_kappa",
        "accuracy@operating_point",
        "sensitivity@operating_point",
        "specificity@operating_point",
        "ece",
    )

    def __init__(
        self, config: ClassifierConfig, data: DataInfo, network: ClassifierNetwork
    ) -> None:
        super().__init__(config.optimizer, config.monitor)
        self.config, self.data = config, data
        self.network = network
        self.loss = build_loss(config.loss, data)
        self.metrics = ClassificationMetrics(data.labels)

    @property
    def encoder(self) -> nn.Module:
        """The image encoder, which may have a learning rate of its own."""
        return self.network.encoder

    def forward(self, batch: ClassifierBatch) -> ClassifierOutput:
        """Logits ``(B, L)`` and what the network says beside them."""
        return self.network.classify(batch)

    def probabilities(self, logits: Tensor) -> Tensor:
        """Probabilities float32 ``(B, L)``: softmax of exclusive classes, else sigmoid."""
        logits = logits.float()
        return logits.softmax(1) if self.data.labels.exclusive else logits.sigmoid()

    def describe(self, batch: ClassifierBatch) -> tuple[Tensor, Tensor]:
        """Probabilities ``(B, L)`` that are reported, and features ``(B, D)``, both float32."""
        output = self(batch)
        return self.probabilities(output.logits), output.features.float()

    def compute_loss(self, batch: ClassifierBatch) -> Mapping[str, Tensor]:
        """Loss over the known labels of the batch, a mean over the parts that decide."""
        output = self(batch)
        self._logits = output.logits.detach()
        losses = [self.loss(each, batch["target"]) for each in (output.logits, *output.auxiliary)]
        if len(losses) == 1:
            return {"loss": losses[0]}
        return {"loss": torch.stack(losses).mean(), "decision_loss": losses[0]}

    def case_errors(self, batch: ClassifierBatch) -> Tensor:
        """Probability that the latest training step gave to what is not true, ``(B,)``."""
        return case_errors(self._logits, batch["target"], exclusive=self.data.labels.exclusive)

    def predict_cases(self, batch: ClassifierBatch) -> list[Prediction]:
        """Probabilities of each case, one a label."""
        scores = self.describe(batch)[0].cpu().tolist()
        ids = zip(batch["case_id"], batch["patient_id"], scores, strict=True)
        return [Prediction(*each) for each in ids]

    def case_targets(self, batch: ClassifierBatch) -> Sequence[list[float | None]]:
        """Labels of each case; None where not known."""
        rows = batch["target"].cpu().tolist()
        return [[None if value != value else value for value in row] for row in rows]

    def score_case(self, prediction: Prediction, target: Any) -> Row:  # noqa: ANN401
        """Probabilities beside the truth."""
        return {"scores": prediction.value, "targets": target}

    def summarize(self, rows: Sequence[Row]) -> dict[str, float]:
        """Point values of the classification metrics."""
        return self.metrics.summarize(_typed(rows))

    def choose_operating_point(self, rows: Sequence[Row]) -> dict[str, Any]:
        """Threshold of each label, with what it reached on validation."""
        return choose_thresholds(self.config.operating_point, _typed(rows), self.data.labels)

    def final_figures(
        self, rows: Sequence[Row], operating_point: dict[str, Any], samples: int
    ) -> dict[str, Figure]:
        """Every classification metric with its interval."""
        return self.metrics.figures(_typed(rows), thresholds(operating_point), samples, seed=0)

    def subgroup_headline(self, operating_point: dict[str, Any]) -> Sequence[str]:
        """Ranking and decisions; classes that exclude one another have no operating point."""
        return SUBGROUP_FIGURES if operating_point else SUBGROUP_FIGURES_OF_CLASSES

    def decided_row(self, row: Row, operating_point: dict[str, Any]) -> Row:
        """With the decision on every label, for figures at an operating point a model."""
        return decided_row(row, self.data.labels, thresholds(operating_point))

    def table_row(self, row: Row, operating_point: dict[str, Any]) -> dict[str, Any]:
        """Probability, decision at the operating point, and truth of every label."""
        return table_row(row, self.data.labels, thresholds(operating_point))

    def on_train_start(self) -> None:
        """Freeze what is frozen; a resume in the middle of an epoch starts here."""
        self.on_train_epoch_start()

    def on_train_epoch_start(self) -> None:
        """Let the next stage of the encoder join, when it is unfrozen gradually."""
        network = self.network.config
        if network.encoder_training == "gradual":
            self.network.freeze_until(self.current_epoch // network.unfreeze_every_epochs)

    def on_before_optimizer_step(self, optimizer: Any) -> None:  # noqa: ANN401
        """Leave frozen stages as they are."""
        del optimizer
        if self.network.config.encoder_training == "gradual":
            self.network.drop_frozen_gradients()


def _typed(rows: Sequence[Row]) -> Sequence[ClassificationRow]:
    return cast("Sequence[ClassificationRow]", rows)
