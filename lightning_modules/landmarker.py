"""The landmarker: points in images and volumes, 2D and 3D."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from datamodules.batches import PointBatch
from datamodules.landmark_info import LandmarkInfo
from lightning_modules.base import Prediction, Row, TaskModule
from lightning_modules.configs.landmarker import LandmarkerConfig
from lightning_modules.metrics.intervals import Figure
from lightning_modules.metrics.landmark_rows import LandmarkRow, Place
from lightning_modules.metrics.landmarks import LandmarkMetrics
from lightning_modules.networks.heatmap_decoding import Decoded
from lightning_modules.networks.heatmap_unet import HeatmapUNet
from lightning_modules.networks.landmark_networks import build_landmark_network
from lightning_modules.networks.landmarks import LandmarkNetwork
from lightning_modules.sliding_window import join_slabs, predict_slabs


class Placed(Protocol):
    """The geometry of a preprocessed case, such as a ``VolumeGeometry``."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Voxels along each axis of the file."""

    @property
    def original_spacing(self) -> tuple[float, ...]:
        """Of the files, in mm."""

    def restore_points(self, points: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
        """From the preprocessed grid to voxels of the file."""


class TruePoints(Protocol):
    """What is marked in a case, such as ``CasePoints``; in voxels of its file."""

    @property
    def points(self) -> NDArray[np.float32]:
        """``(K, axes)``; NaN: not marked."""

    @property
    def readings(self) -> Mapping[str, NDArray[np.float32]]:
        """Who else marked it -> the same."""


class Located(NamedTuple):
    """The landmarks of a case.

    Attributes:
        points: ``(K, axes)`` in voxels along the axes of its file, in continuous coordinates: voxel
            i covers ``[i, i + 1)``.
        confidence: Of each, ``(K,)`` in 0..1.
        spacing: Of the file, in mm (1 where there is none).
        shape: Voxels along each axis of the file.
    """

    points: NDArray[np.float32]
    confidence: NDArray[np.float32]
    spacing: tuple[float, ...]
    shape: tuple[int, ...]


class Landmarker(TaskModule):
    """Finds landmarks.

    Cases are looked at as a whole or in windows, and scored in voxels and mm of their files.

    Args:
        config: Settings.
        data: What is known of the data: landmarks, channels, patch, spacing.
        load_weights: False when the weights of a checkpoint follow.
    """

    network: LandmarkNetwork
    headline = ("mre_mm", "mre_px", "median_mm", "sd_mm", "sdr_2mm", "sdr_4mm", "sdr_2px")

    def __init__(
        self, config: LandmarkerConfig, data: LandmarkInfo, *, load_weights: bool = True
    ) -> None:
        super().__init__(config.optimizer, config.monitor)
        self.config, self.data = config, data
        self.network = build_landmark_network(config.network, data, load_weights=load_weights)
        self.metrics = LandmarkMetrics(
            data.points,
            has_spacing=data.has_spacing,
            groups=config.groups,
            measures=config.measures,
            axes=len(data.spacing),
        )

    def forward(self, images: Tensor) -> Decoded:
        """Landmarks of images ``(B, C, *size)``."""
        return self.network.locate(images)

    def compute_loss(self, batch: PointBatch) -> Mapping[str, Tensor]:
        """Loss of patches, and its parts."""
        return self.network.losses(batch["image"], batch["points"])

    def predict_cases(self, batch: PointBatch) -> list[Prediction]:
        """The landmarks of the one case of a batch."""
        geometry: Placed = cast("Mapping[str, Any]", batch)["geometry"][0]
        found = self.locate(batch["image"][0], geometry)
        return [Prediction(batch["case_id"][0], batch["patient_id"][0], found)]

    def locate(
        self,
        image: Tensor,
        geometry: Placed,
        networks: Sequence[LandmarkNetwork] | None = None,
    ) -> Located:
        """Find the landmarks of one whole preprocessed case.

        Args:
            image: ``(C, *spatial)``.
            geometry: Where its voxels lie in the file.
            networks: Those of an ensemble; None: the module's own. The mean of all places is taken.
        """
        views = [
            self._in_view(network, image.float().to(self.device), mirrored=mirrored)
            for network in networks or [self.network]
            for mirrored in ((False, True) if self._mirrors else (False,))
        ]
        points = torch.stack([view.points for view in views]).mean(0)
        confidence = torch.stack([view.confidence for view in views]).mean(0)
        return Located(
            geometry.restore_points(points.cpu().numpy()),
            confidence.cpu().numpy(),
            geometry.original_spacing,
            geometry.shape,
        )

    @property
    def _mirrors(self) -> bool:
        fitting = self._trainer is not None and self.trainer.state.fn == "fit"
        return self.config.inference.mirror and self.data.mirror_axis is not None and not fitting

    def _in_view(self, network: LandmarkNetwork, image: Tensor, *, mirrored: bool) -> Decoded:
        """Landmarks of a case, or of its mirror image, brought back; without the batch's axis."""
        axis = self.data.mirror_axis
        if not mirrored or axis is None:
            return self._look(network, image)
        found = self._look(network, image.flip(axis + 1))
        points = found.points.clone()
        points[:, axis] = image.shape[axis + 1] - points[:, axis]
        names = list(self.data.swapped)
        return Decoded(points[names], found.confidence[names])

    @torch.no_grad()
    def _look(self, network: LandmarkNetwork, image: Tensor) -> Decoded:
        """Landmarks of an image ``(C, *spatial)``: at once, or from heatmaps of windows."""
        if isinstance(network, HeatmapUNet) and not self.data.whole:
            inference = self.config.inference
            slabs = predict_slabs(
                [network],
                image,
                self.data.patch,
                device=self.device,
                overlap=inference.overlap,
                batch_size=inference.batch_size,
            )
            found = network.objective.decode(join_slabs(slabs)[None])
            return Decoded(found.points[0], found.confidence[0])
        padded, margins = pad_to(image, self.data.patch)
        found = network.locate(padded[None])
        return Decoded(found.points[0] - margins, found.confidence[0])

    def case_targets(self, batch: PointBatch) -> Sequence[TruePoints]:
        """The true landmarks, in voxels of the file."""
        truth: Sequence[TruePoints] = cast("Mapping[str, Any]", batch)["truth"]
        return truth

    def score_case(self, prediction: Prediction, target: TruePoints) -> Row:
        """What was found, and what is there."""
        found: Located = prediction.value
        row: Row = {
            "found": found.points.tolist(),
            "confidence": found.confidence.tolist(),
            "truth": _places(target.points),
            "readings": {who: _places(own) for who, own in target.readings.items()},
            "spacing": list(found.spacing),
            "usual": [
                [share * side for share, side in zip(place, found.shape, strict=True)]
                if place
                else None
                for place in self.data.mean_points
            ],
        }
        return row

    def summarize(self, rows: Sequence[Row]) -> dict[str, float]:
        """Point values."""
        return self.metrics.summarize(_typed(rows))

    def final_figures(
        self, rows: Sequence[Row], operating_point: dict[str, Any], samples: int
    ) -> dict[str, Figure]:
        """Every metric with its interval."""
        return self.metrics.figures(_typed(rows), operating_point, samples, seed=0)

    def table_row(self, row: Row, operating_point: dict[str, Any]) -> dict[str, Any]:
        """Errors and confidence of a case, and what is measured in it."""
        return self.metrics.table_row(cast("LandmarkRow", row), operating_point)


def pad_to(image: Tensor, patch: Sequence[int]) -> tuple[Tensor, Tensor]:
    """An image ``(C, *spatial)`` in the middle of zeros, as large as a patch at least.

    Returns:
        The larger image, and by how much places in it are larger, float ``(axes,)``.
    """
    beyond = [max(0, least - side) for side, least in zip(image.shape[1:], patch, strict=True)]
    widths = [width for each in reversed(beyond) for width in (each // 2, each - each // 2)]
    return F.pad(image, widths), image.new_tensor([each // 2 for each in beyond])


def _places(points: NDArray[np.float32]) -> list[Place]:
    """Places as lists; None: not marked."""
    return [None if np.isnan(place).any() else place.tolist() for place in points]


def _typed(rows: Sequence[Row]) -> Sequence[LandmarkRow]:
    return cast("Sequence[LandmarkRow]", rows)
