"""The segmenter: masks of structures in images and volumes, 2D and 3D."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from datamodules.batches import MaskBatch, separated
from datamodules.data_info import SegmentationInfo
from lightning_modules.base import Prediction, Row, TaskModule
from lightning_modules.configs.segmenter import SegmenterConfig
from lightning_modules.losses.deep_supervision import DeepSupervision
from lightning_modules.losses.segmentation import build_segmentation_loss
from lightning_modules.mask_decisions import MaskDecisions
from lightning_modules.metrics.intervals import Figure
from lightning_modules.metrics.mask_rows import SegmentationRow, score_masks
from lightning_modules.metrics.mask_units import MaskUnits
from lightning_modules.metrics.segmentation import EPOCH_FIGURES, SegmentationMetrics
from lightning_modules.networks.segmentation import SegmentationNetwork
from lightning_modules.networks.segmentation_networks import build_segmentation_network
from lightning_modules.sliding_window import predict_slabs
from lightning_modules.structure_settings import check_centrelines, tolerances_of

__all__ = ["EPOCH_FIGURES", "Segmented", "Segmenter"]


class Restorable(Protocol):
    """The geometry of a preprocessed case, such as a ``VolumeGeometry``."""

    @property
    def original_spacing(self) -> tuple[float, ...]:
        """Of the files, in mm."""

    def restore_mask(
        self,
        values: NDArray[Any],
        decide: Callable[[NDArray[np.float32]], NDArray[np.uint8]],
        channels: int,
    ) -> NDArray[np.uint8]:
        """From logits on the preprocessed grid to a mask ``(channels, *spatial)`` on the files'."""


class Segmented(NamedTuple):
    """The predicted mask of a case.

    Attributes:
        mask: uint8 ``(M, *spatial)`` as in ``MaskBatch``.
        spacing: Of its grid, in mm (1 where there is none).
        original: Whether its grid is that of the files; else it is the preprocessed one.
        logits: On the preprocessed grid, ``(K, *spatial)``; None where they were not kept.
        histograms: Of the probabilities inside each structure, where thresholds are to be chosen.
    """

    mask: NDArray[np.uint8]
    spacing: tuple[float, ...]
    original: bool
    logits: NDArray[np.float16] | None = None
    histograms: dict[str, list[int]] | None = None


class Segmenter(TaskModule):
    """Outlines structures.

    While it is fitted, cases are scored on the preprocessed grid, without mirror images and by
    their voxels only; after that with distances between surfaces, on the grid of the geometry that
    comes with them: that of their files, unless the data's settings say otherwise.

    Args:
        config: Settings.
        data: What is known of the data: structures, channels, patch, spacing.
    """

    network: SegmentationNetwork
    headline = (
        *("dice", "iou", "cldice", "surface_dice", "hd95_mm", "hd95_px"),
        *("sensitivity", "precision"),
    )
    rows_follow_operating_point = True

    def __init__(self, config: SegmenterConfig, data: SegmentationInfo) -> None:
        super().__init__(config.optimizer, config.monitor)
        self.config, self.data = config, data
        self.network = build_segmentation_network(config.network, data)
        self.loss = DeepSupervision(build_segmentation_loss(config.loss, data.labels))
        self.structures = data.labels.names
        units = MaskUnits(len(data.spacing), data.has_spacing)
        self.metrics = SegmentationMetrics(self.structures, units)
        self.tolerances = tolerances_of(config.surface_tolerance, self.structures)
        check_centrelines(config.centrelines, self.structures)
        self.decisions = MaskDecisions(config, data.labels)

    def forward(self, images: Tensor) -> Tensor:
        """Logits ``(B, K, *patch)`` of patches ``(B, C, *patch)``."""
        logits: Tensor = self.network(images)
        return logits

    def compute_loss(self, batch: MaskBatch) -> Mapping[str, Tensor]:
        """Loss of patches, over all resolutions that the network gives."""
        return {"loss": self.loss(self.network.supervised(batch["image"]), batch["mask"])}

    def predict_cases(self, batch: MaskBatch) -> list[Prediction]:
        """The mask of the one case of a batch: in the original geometry, if the batch has it."""
        geometry: Restorable | None = cast("Mapping[str, Any]", batch).get("geometry", [None])[0]
        found = self.segment(batch["image"][0], geometry)
        if found.logits is not None:
            found = found._replace(logits=None, histograms=self._histograms(found.logits, batch))
        return [Prediction(batch["case_id"][0], batch["patient_id"][0], found)]

    def _histograms(
        self, logits: NDArray[np.float16], batch: MaskBatch
    ) -> dict[str, list[int]] | None:
        """Probabilities of the voxels inside each structure, where thresholds are to be chosen."""
        if not self.trainer.validating or not self.decisions.lacks_thresholds(self.operating_point):
            return None
        return self.decisions.histograms(logits, batch["mask"][0].cpu().numpy())

    def segment(
        self,
        image: Tensor,
        geometry: Restorable | None = None,
        networks: Sequence[nn.Module] | None = None,
    ) -> Segmented:
        """Outline one whole preprocessed case.

        Args:
            image: ``(C, *spatial)``.
            geometry: Given: the mask is on the grid of the files, and mirror images count.
            networks: Those of an ensemble, whose logits are averaged; None: the module's own.
        """
        inference = self.config.inference
        slabs = predict_slabs(
            networks or [self.network],
            image,
            self.data.patch,
            device=self.device,
            overlap=inference.overlap,
            mirror_axes=self.data.mirror_axes if inference.mirror and geometry else (),
            batch_size=inference.batch_size,
            slice_axis=self.data.slice_axis,
        )
        spatial = tuple(image.shape[1:])
        if geometry is None:
            mask = np.empty((self.mask_channels, *spatial), np.uint8)
            for slab in slabs:
                part = self.decide(slab.values).cpu().numpy()
                _place(mask, part, slab.axis, slab.start)
            return self._cleaned(Segmented(mask, self.data.spacing, original=False))
        logits = np.empty((self.data.outputs, *spatial), np.float16)
        for slab in slabs:
            part = slab.values.clamp(-MOST_LOGIT, MOST_LOGIT).half().cpu().numpy()
            _place(logits, part, slab.axis, slab.start)
        mask = geometry.restore_mask(logits, self._decide_array, self.mask_channels)
        found = Segmented(mask, geometry.original_spacing, original=True, logits=logits)
        return self._cleaned(found)

    @property
    def mask_channels(self) -> int:
        """Channels of a mask."""
        return 1 if self.data.labels.exclusive else len(self.structures)

    def decide(self, logits: Tensor) -> Tensor:
        """From logits ``(K, *spatial)`` to a mask uint8 ``(M, *spatial)``."""
        return self.decisions.decide(logits, self.operating_point)

    def _decide_array(self, logits: NDArray[np.float32]) -> NDArray[np.uint8]:
        return self.decide(torch.from_numpy(logits)).numpy()

    def _cleaned(self, found: Segmented) -> Segmented:
        voxel = self.metrics.units.voxel(found.spacing)
        return found._replace(mask=self.decisions.cleaned(found.mask, self.operating_point, voxel))

    def case_targets(self, batch: MaskBatch) -> Sequence[NDArray[np.uint8]]:
        """The true mask: in the original geometry, if the batch has it."""
        truth: Sequence[NDArray[np.uint8]] | None = cast("Mapping[str, Any]", batch).get("truth")
        return [batch["mask"][0].cpu().numpy()] if truth is None else truth

    def score_case(self, prediction: Prediction, target: Any) -> Row:  # noqa: ANN401
        """Voxels that agree; on the original grid distances, and what a choice is made by.

        In another dataset structures may overlap that exclude one another here, or the reverse.
        """
        found: Segmented = prediction.value
        if len(found.mask) != len(target):
            target = separated(target, len(self.structures))
            found = found._replace(mask=separated(found.mask, len(self.structures)))
        if not found.original:
            return cast("Row", score_masks(found.mask, target, self.structures, found.spacing))
        scores = score_masks(
            *(found.mask, target, self.structures, found.spacing, self.tolerances),
            centrelines=self.config.centrelines,
        )
        return {**scores, **self._to_choose_by(found, target)}

    def _to_choose_by(self, found: Segmented, truth: NDArray[np.uint8]) -> Row:
        """What the next choice of the operating point needs of a case; nothing on test cases."""
        if not self.trainer.validating:
            return {}
        if found.histograms is not None:
            return {"histograms": found.histograms}
        voxel = self.metrics.units.voxel(found.spacing)
        return self.decisions.clean_up_counts(found.mask, truth, self.operating_point, voxel)

    def choose_operating_point(self, rows: Sequence[Row]) -> dict[str, Any]:
        """Thresholds first, where they are to be chosen, and then the clean-up at them."""
        return self.decisions.choose(rows, self.operating_point)

    def summarize(self, rows: Sequence[Row]) -> dict[str, float]:
        """Point values of the overlap metrics."""
        return self.metrics.summarize(_typed(rows))

    def final_figures(
        self, rows: Sequence[Row], operating_point: dict[str, Any], samples: int
    ) -> dict[str, Figure]:
        """Every metric with its interval."""
        del operating_point
        return self.metrics.figures(_typed(rows), samples, seed=0)

    def table_row(self, row: Row, operating_point: dict[str, Any]) -> dict[str, Any]:
        """Every figure of a case, and the sizes of its masks."""
        del operating_point
        return self.metrics.table_row(cast("SegmentationRow", row))


MOST_LOGIT = 6e4
"""What half precision can hold."""


def _place(whole: NDArray[Any], part: NDArray[Any], axis: int, start: int) -> None:
    at = [slice(None)] * whole.ndim
    at[axis + 1] = slice(start, start + part.shape[axis + 1])
    whole[tuple(at)] = part


def _typed(rows: Sequence[Row]) -> Sequence[SegmentationRow]:
    return cast("Sequence[SegmentationRow]", rows)
