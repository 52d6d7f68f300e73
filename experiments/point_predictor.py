"""Trained landmarkers applied to files: one, or the folds of a cross-validation together."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import torch

from datamodules.configs.landmarks import LandmarksConfig
from datamodules.errors import DataError
from datamodules.mask_inputs import check_image
from datamodules.transforms.volume_preprocessing import PreprocessVolume
from datamodules.volume import Volume, with_spacing
from datamodules.volume_files import read_channels
from experiments.ensembles import load_alike
from experiments.task_kinds.landmark_detection import settings_of
from experiments.trained import TrainedModel
from lightning_modules.landmarker import Landmarker, Located


@dataclass(frozen=True, eq=False)
class PredictedPoints:
    """What a landmarker says of one case.

    Attributes:
        image: As it was read.
        found: Where each landmark is, in voxels of the file, and how sure that is.
        measures: What is measured from them; None: undefined, as an angle of points on one place.
    """

    image: Volume
    found: Located
    measures: dict[str, float | None]


@dataclass(frozen=True, eq=False)
class PointPredictor:
    """Modules with their weights, and the preprocessing that they share.

    Attributes:
        modules: Ready to predict together.
        data: Settings of the data that they were trained on.
        spacing_mm: Side of a pixel of flat images that do not say it; None: it is not known.
    """

    modules: Sequence[Landmarker]
    data: LandmarksConfig
    spacing_mm: float | None = None

    @classmethod
    def load(cls, source: Path, spacing_mm: float | None = None) -> "PointPredictor":
        """Load a run folder, a checkpoint, or a folder of runs, which then predict together.

        Raises:
            CheckpointError: If one cannot be used.
            ConfigError: If there is none, or they were not trained alike.
        """
        models = load_alike(source, Landmarker, _likeness)
        modules = [cast("Landmarker", model.module) for model in models]
        return cls(modules, settings_of(models[0].experiment)[1], spacing_mm)

    @property
    def points(self) -> tuple[str, ...]:
        """Names of the landmarks."""
        return self.modules[0].data.points

    @property
    def axes(self) -> int:
        """2 of images, 3 of volumes."""
        return len(self.modules[0].data.spacing)

    @property
    def units(self) -> dict[str, str]:
        """Of each measure; empty of a ratio."""
        return self.modules[0].metrics.units

    def predict(self, paths: Sequence[Path]) -> PredictedPoints:
        """Find the landmarks of one case.

        Args:
            paths: One file or series with all channels, or one a channel.

        Raises:
            DataError: If it cannot be read, or is not of the kind that the model knows.
        """
        image = read_channels(paths)
        declared = None if self.spacing_mm is None else (self.spacing_mm,) * self.axes
        sized = with_spacing(image, declared)
        first = self.modules[0]
        if first.data.has_spacing and not sized.has_spacing and self.axes == 2:
            raise DataError(
                "it has no spacing, and the model measures in mm; --pixel-spacing-mm says how large"
                " a pixel is"
            )
        check_image(sized, first.data)
        prepared = PreprocessVolume(self.data.preprocessing)(sized)
        networks = [module.network for module in self.modules]
        with torch.inference_mode():
            found = first.locate(torch.from_numpy(prepared.image), prepared.geometry, networks)
        measures = first.metrics.measures.measure(found.points.tolist(), found.spacing)
        return PredictedPoints(image, found, measures)


def _likeness(model: TrainedModel) -> object:
    """What models have in common that predict together."""
    settings, data = settings_of(model.experiment)[1], cast("Landmarker", model.module).data
    task = settings_of(model.experiment)[0]
    seen = data.points, data.channels, len(data.spacing), data.has_spacing, data.mirror_axis
    return settings.preprocessing, settings.patch, task.measures, seen
