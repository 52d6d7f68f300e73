"""Trained segmenters applied to files: one, or the folds of a cross-validation together."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray

from datamodules.batches import inside
from datamodules.configs.masks import MasksConfig
from datamodules.mask_inputs import check_image
from datamodules.transforms.volume_preprocessing import PreprocessVolume
from datamodules.volume import Volume
from datamodules.volume_files import read_channels
from experiments.ensembles import load_alike
from experiments.task_kinds.segmentation import settings_of
from experiments.trained import TrainedModel
from lightning_modules.segmenter import Segmenter


@dataclass(frozen=True, eq=False)
class PredictedMask:
    """What a segmenter says of one case.

    Attributes:
        image: As it was read.
        mask: uint8 ``(M, *spatial)`` as in ``MaskBatch``, on the grid of the file.
        sizes: Of each structure, in the units of the model's figures.
    """

    image: Volume
    mask: NDArray[np.uint8]
    sizes: dict[str, float]


@dataclass(frozen=True, eq=False)
class MaskPredictor:
    """Modules with their weights, and the preprocessing that they share.

    Attributes:
        modules: Ready to predict; their logits are averaged.
        data: Settings of the data that they were trained on.
    """

    modules: Sequence[Segmenter]
    data: MasksConfig

    @classmethod
    def load(cls, source: Path) -> "MaskPredictor":
        """Load a run folder, a checkpoint, or a folder of runs, which then predict together.

        Raises:
            CheckpointError: If one cannot be used.
            ConfigError: If there is none, or they were not trained alike.
        """
        models = load_alike(source, Segmenter, _likeness)
        modules = [cast("Segmenter", model.module) for model in models]
        agreed = joint_operating_point([module.operating_point for module in modules])
        for module in modules:
            module.operating_point = agreed
        return cls(modules, settings_of(models[0].experiment)[1])

    @property
    def structures(self) -> tuple[str, ...]:
        """Names of what is outlined."""
        return self.modules[0].structures

    def predict(self, paths: Sequence[Path]) -> PredictedMask:
        """Outline one case.

        Args:
            paths: One file or series with all channels, or one a channel.

        Raises:
            DataError: If it cannot be read, or is not of the kind that the model knows.
        """
        image = read_channels(paths)
        first = self.modules[0]
        check_image(image, first.data)
        prepared = PreprocessVolume(self.data.preprocessing)(image)
        networks = [module.network for module in self.modules]
        with torch.inference_mode():
            found = first.segment(torch.from_numpy(prepared.image), prepared.geometry, networks)
        voxel, mask = first.metrics.units.voxel(found.spacing), found.mask
        sizes = {
            name: voxel * int(inside(mask, number).sum())
            for number, name in enumerate(self.structures)
        }
        return PredictedMask(image, mask, sizes)


def _likeness(model: TrainedModel) -> object:
    """What models have in common that predict together."""
    settings, data = settings_of(model.experiment)[1], cast("Segmenter", model.module).data
    seen = data.labels, data.channels, data.slice_axis, data.mirror_axes, data.has_spacing
    return settings.preprocessing, settings.patch, seen


def joint_operating_point(points: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """That of an ensemble: median thresholds, and only the clean-up that all models have chosen."""
    if len(points) == 1:
        return dict(points[0])
    joint: dict[str, Any] = {}
    if all("thresholds" in point for point in points):
        joint["thresholds"] = {
            name: {**own, "threshold": median(p["thresholds"][name]["threshold"] for p in points)}
            for name, own in points[0]["thresholds"].items()
        }
    first, *others = [point.get("clean_up", {}) for point in points]
    agreed = {
        name: rule for name, rule in first.items() if all(o.get(name) == rule for o in others)
    }
    return {**joint, "clean_up": agreed} if agreed else joint
