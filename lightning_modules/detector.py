"""The detector: boxes around objects in images and volumes, 2D and 3D."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol, cast

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from datamodules.batches import BoxBatch
from datamodules.data_info import DetectionInfo
from lightning_modules.base import Prediction, Row, TaskModule
from lightning_modules.box_decisions import BoxDecisions, FoundBoxes
from lightning_modules.configs.detection_networks import AnchorSettings
from lightning_modules.configs.detector import DetectorConfig
from lightning_modules.metrics.detection import DetectionMetrics
from lightning_modules.metrics.detection_rows import DetectionRow
from lightning_modules.metrics.intervals import Figure
from lightning_modules.metrics.single_box import SingleBoxMetrics
from lightning_modules.networks.anchor_recall import say_recall
from lightning_modules.networks.detection import DetectionNetwork
from lightning_modules.networks.detection_networks import build_detection_network
from lightning_modules.window_detection import Windows, detect_views


class Placed(Protocol):
    """The geometry of a preprocessed case, such as a ``VolumeGeometry``."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Voxels along each axis of the file."""

    @property
    def original_spacing(self) -> tuple[float, ...]:
        """Of the files, in mm."""

    def restore_boxes(self, boxes: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
        """From the preprocessed grid to voxels of the file."""


class TrueBoxes(Protocol):
    """What is there in a case, such as ``CaseBoxes``; in voxels of its file."""

    boxes: NDArray[np.float32]
    labels: NDArray[np.int64]
    ignored: NDArray[np.bool_]


class Detected(NamedTuple):
    """What was found in a case.

    Attributes:
        boxes: In voxels of its file, overlaps resolved.
        candidates: With all that overlap, where it is to be chosen which of them go.
        spacing: Of the file, in mm (1 where there is none).
        shape: Voxels along each axis of the file.
    """

    boxes: FoundBoxes
    candidates: FoundBoxes | None
    spacing: tuple[float, ...]
    shape: tuple[int, ...]


class Detector(TaskModule):
    """Finds objects, and draws boxes around them.

    Cases are looked at as a whole or in windows, and scored in voxels of their files.

    Args:
        config: Settings.
        data: What is known of the data: classes, channels, patch, sizes of boxes.
        load_weights: False when the weights of a checkpoint follow.
    """

    network: DetectionNetwork
    headline = (
        *("map_50", "map_10", "map_50_95", "froc_cpm", "iou", "centre_distance_mm"),
        *("centre_distance_px", "sensitivity@operating_point", "precision@operating_point"),
    )
    rows_follow_operating_point = True

    def __init__(
        self, config: DetectorConfig, data: DetectionInfo, *, load_weights: bool = True
    ) -> None:
        super().__init__(config.optimizer, config.monitor)
        self.config, self.data = config, data
        self.network = build_detection_network(config.network, data, load_weights=load_weights)
        self.metrics: DetectionMetrics | SingleBoxMetrics
        if self.network.single:
            self.metrics = SingleBoxMetrics(data.classes, has_spacing=data.has_spacing)
        else:
            axes = len(data.spacing)
            self.metrics = DetectionMetrics(data.classes, axes, config.hit_rule, config.hit_iou)
        self.decisions = BoxDecisions(config, self.metrics)

    def on_train_start(self) -> None:
        """Say what the anchors can find at best."""
        if isinstance(self.config.network, AnchorSettings) and self.trainer.is_global_zero:
            say_recall(self.data.box_sizes, self.network.anchors.cpu())

    def forward(self, images: Tensor) -> Any:  # noqa: ANN401
        """Candidates of images ``(B, C, *size)``."""
        return self.network.candidates(images)

    def compute_loss(self, batch: BoxBatch) -> Mapping[str, Tensor]:
        """Loss of patches, and its parts."""
        return self.network.losses(batch["image"], batch["boxes"], batch["labels"])

    def predict_cases(self, batch: BoxBatch) -> list[Prediction]:
        """The boxes of the one case of a batch."""
        geometry: Placed = cast("Mapping[str, Any]", batch)["geometry"][0]
        found = self.detect(batch["image"][0], geometry)
        return [Prediction(batch["case_id"][0], batch["patient_id"][0], found)]

    def detect(
        self,
        image: Tensor,
        geometry: Placed,
        networks: Sequence[DetectionNetwork] | None = None,
    ) -> Detected:
        """Find the objects of one whole preprocessed case.

        Args:
            image: ``(C, *spatial)``.
            geometry: Where its voxels lie in the file.
            networks: Those of an ensemble, whose boxes are fused; None: the module's own.
        """
        inference = self.config.inference
        fitting = self._trainer is not None and self.trainer.state.fn == "fit"
        views = detect_views(
            networks or [self.network],
            image,
            Windows(
                self.data.patch if inference.windows else None,
                inference.overlap,
                inference.batch_size,
            ),
            self.data.mirror_axes if inference.mirror and not fitting else (),
        )
        found = [
            FoundBoxes(
                geometry.restore_boxes(view.boxes.numpy()),
                view.scores.numpy(),
                view.labels.numpy(),
            )
            for view in views
        ]
        joined = self.decisions.join(found)
        kept = self.decisions.resolve(joined, self.operating_point)
        candidates = joined if self._chooses else None
        return Detected(kept, candidates, geometry.original_spacing, geometry.shape)

    @property
    def _chooses(self) -> bool:
        """Whether what overlaps is to be chosen by the cases that are scored now."""
        validating = self._trainer is not None and self.trainer.validating
        return validating and self.decisions.lacks_suppression(self.operating_point)

    def case_targets(self, batch: BoxBatch) -> Sequence[TrueBoxes]:
        """The true boxes, in voxels of the file."""
        truth: Sequence[TrueBoxes] = cast("Mapping[str, Any]", batch)["truth"]
        return truth

    def score_case(self, prediction: Prediction, target: TrueBoxes) -> Row:
        """What was found, and what is there."""
        found: Detected = prediction.value
        row: Row = {
            **found.boxes.as_lists(),
            "truth": target.boxes.tolist(),
            "truth_labels": target.labels.tolist(),
            "ignored": target.ignored.tolist(),
            "spacing": list(found.spacing),
        }
        if found.candidates is not None:
            row["candidates"] = found.candidates.as_lists()
        if self.network.single:
            row["usual"] = [
                [share * side for share, side in zip(box, 2 * found.shape, strict=True)]
                if box
                else []
                for box in self.data.mean_boxes
            ]
        return row

    def choose_operating_point(self, rows: Sequence[Row]) -> dict[str, Any]:
        """Which of the boxes that overlap go, and from which score one is shown."""
        return self.decisions.choose(_typed(rows), self.operating_point)

    def decided_row(self, row: Row, operating_point: dict[str, Any]) -> Row:
        """A row with which of its boxes are shown, so that rows of several models can be pooled."""
        if self.network.single:
            return row
        return {**row, "called": self.decisions.called(cast("DetectionRow", row), operating_point)}

    def summarize(self, rows: Sequence[Row]) -> dict[str, float]:
        """Point values."""
        return self.metrics.summarize(_typed(rows))

    def final_figures(
        self, rows: Sequence[Row], operating_point: dict[str, Any], samples: int
    ) -> dict[str, Figure]:
        """Every metric with its interval."""
        return self.metrics.figures(_typed(rows), operating_point, samples, seed=0)

    def table_row(self, row: Row, operating_point: dict[str, Any]) -> dict[str, Any]:
        """Counts of a case: objects, found, missed, false alarms."""
        return self.metrics.table_row(cast("DetectionRow", row), operating_point)


def _typed(rows: Sequence[Row]) -> Sequence[DetectionRow]:
    return cast("Sequence[DetectionRow]", rows)
