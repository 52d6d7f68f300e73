"""Survival of patients from their slides: a hazard for each interval of time."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from torch import Tensor, nn

from datamodules.batches import ClassifierBatch, SurvivalBatch
from datamodules.data_info import SurvivalInfo
from lightning_modules.base import Prediction, Row, TaskModule
from lightning_modules.configs.slide_survival import SlideSurvivalConfig
from lightning_modules.losses.survival import survival_curve, survival_loss
from lightning_modules.metrics.intervals import Figure
from lightning_modules.metrics.survival_figures import (
    LOG_RANK,
    SurvivalRow,
    summarize,
    survival_figures,
)
from lightning_modules.networks.bag_networks import BagClassifier, build_bag_network
from lightning_modules.networks.classifier import ClassifierOutput


class FollowUp(NamedTuple):
    """What is known of a case.

    Attributes:
        time: Of follow-up.
        event: Whether the event happened then.
    """

    time: float
    event: bool


class SlideSurvival(TaskModule):
    """Predicts how long patients live, or stay without an event, from bags of tiles.

    Args:
        config: Settings.
        data: What is known of the data: intervals of time, features of a tile.
        load_weights: False when the weights of a checkpoint follow.
    """

    network: BagClassifier
    cuts: Tensor
    headline = ("c_index", "integrated_brier", "nll_loss", LOG_RANK)

    def __init__(
        self, config: SlideSurvivalConfig, data: SurvivalInfo, *, load_weights: bool = True
    ) -> None:
        super().__init__(config.optimizer, config.monitor)
        self.config, self.data = config, data
        self.network = build_bag_network(config.network, data.seen, load_weights=load_weights)
        self.register_buffer("cuts", torch.tensor(data.cuts), persistent=False)

    @property
    def encoder(self) -> nn.Module:
        """The encoder of tiles, which may have a learning rate of its own."""
        return self.network.encoder

    def forward(self, batch: SurvivalBatch | ClassifierBatch) -> ClassifierOutput:
        """Logits of the hazards ``(B, K)`` and what the network says beside them."""
        return self.network.classify(cast("ClassifierBatch", batch))

    def describe(self, batch: SurvivalBatch | ClassifierBatch) -> tuple[Tensor, Tensor]:
        """Risk and survival at the end of each interval ``(B, 1 + K)``, and features ``(B, D)``."""
        output = self(batch)
        survival = survival_curve(output.logits)
        risk = -survival.sum(1, keepdim=True)
        return torch.cat([risk, survival], dim=1), output.features.float()

    def compute_loss(self, batch: SurvivalBatch) -> Mapping[str, Tensor]:
        """Negative log-likelihood, a mean over the cases."""
        logits = self(batch).logits
        return {"loss": survival_loss(logits, self.interval_of(batch), batch["event"]).mean()}

    def interval_of(self, batch: SurvivalBatch) -> Tensor:
        """Number of the interval that the time of each case lies in, int64 ``(B,)``."""
        return torch.bucketize(batch["time"], self.cuts)

    def predict_cases(self, batch: SurvivalBatch) -> list[Prediction]:
        """Risk of each case, and its survival at the end of each interval."""
        scores = self.describe(batch)[0].cpu().tolist()
        ids = zip(batch["case_id"], batch["patient_id"], scores, strict=True)
        return [Prediction(*each) for each in ids]

    def case_targets(self, batch: SurvivalBatch) -> Sequence[FollowUp]:
        """Time and event of each case."""
        known = zip(batch["time"].tolist(), batch["event"].tolist(), strict=True)
        return [FollowUp(*each) for each in known]

    def score_case(self, prediction: Prediction, target: Any) -> Row:  # noqa: ANN401
        """Risk and survival beside what happened."""
        risk, *survival = prediction.value
        return {
            "risk": risk,
            "survival": survival,
            "ends": list(self.data.ends),
            "time": target.time,
            "event": target.event,
            "nll_loss": self._loss_of(survival, target),
        }

    def _loss_of(self, survival: Sequence[float], target: FollowUp) -> float:
        own = int(np.searchsorted(self.data.cuts, target.time, side="left"))
        before = survival[own - 1] if own else 1.0
        likelihood = before - survival[own] if target.event else survival[own]
        return -float(np.log(max(likelihood, LEAST_LIKELIHOOD)))

    def summarize(self, rows: Sequence[Row]) -> dict[str, float]:
        """Negative log-likelihood and c-index."""
        return summarize(_typed(rows))

    def choose_operating_point(self, rows: Sequence[Row]) -> dict[str, Any]:
        """The median risk of validation cases, from which on a risk is called high."""
        if not rows:
            return {}
        return {"risk": {"threshold": float(np.median([row["risk"] for row in rows]))}}

    def final_figures(
        self, rows: Sequence[Row], operating_point: dict[str, Any], samples: int
    ) -> dict[str, Figure]:
        """Every figure with its interval."""
        horizons = self.data.cuts
        return survival_figures(_typed(rows), horizons, _threshold(operating_point), samples, 0)

    def subgroup_headline(self, operating_point: dict[str, Any]) -> Sequence[str]:
        """Of few cases the c-index alone."""
        del operating_point
        return ("c_index",)

    def decided_row(self, row: Row, operating_point: dict[str, Any]) -> Row:
        """With whether the risk is high, for figures at an operating point a model."""
        threshold = _threshold(operating_point)
        return row if threshold is None else {**row, "high": row["risk"] >= threshold}

    def table_row(self, row: Row, operating_point: dict[str, Any]) -> dict[str, Any]:
        """Risk, group, survival at the end of each interval, and what happened where known."""
        threshold = _threshold(operating_point)
        columns: dict[str, Any] = {"case_id": row["case_id"], "patient_id": row["patient_id"]}
        columns["risk"] = round(row["risk"], 6)
        if threshold is not None:
            columns["group"] = "high" if row["risk"] >= threshold else "low"
        for end, survival in zip(self.data.ends, row["survival"], strict=True):
            columns[f"survival/{end:g}_{self.data.unit}"] = round(survival, 6)
        if "time" in row:
            columns |= {"time": float(f"{row['time']:.7g}"), "event": int(row["event"])}
        return columns


LEAST_LIKELIHOOD = 1e-12


def _threshold(operating_point: Mapping[str, Any]) -> float | None:
    chosen = operating_point.get("risk")
    return None if chosen is None else float(chosen["threshold"])


def _typed(rows: Sequence[Row]) -> Sequence[SurvivalRow]:
    return cast("Sequence[SurvivalRow]", rows)
