"""Trained detectors applied to files: one, or the folds of a cross-validation together."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray

from datamodules.configs.boxes import BoxesConfig
from datamodules.mask_inputs import check_image
from datamodules.transforms.volume_preprocessing import PreprocessVolume
from datamodules.volume import Volume
from datamodules.volume_files import read_channels
from experiments.ensembles import load_alike
from experiments.task_kinds.detection import settings_of
from experiments.trained import TrainedModel
from lightning_modules.box_decisions import FoundBoxes, joint_operating_point
from lightning_modules.detector import Detector


@dataclass(frozen=True, eq=False)
class PredictedBoxes:
    """What a detector says of one case.

    Attributes:
        shape: Voxels along each axis of the file.
        boxes: Those that reach the operating point, in voxels of the file.
        highest: Of each class the highest score of any box, shown or not, ``(classes,)``.
    """

    shape: tuple[int, ...]
    boxes: FoundBoxes
    highest: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class PredictedImage(PredictedBoxes):
    """What a detector says of an image or a volume.

    Attributes:
        image: As it was read.
    """

    image: Volume


@dataclass(frozen=True, eq=False)
class BoxPredictor:
    """Modules with their weights, and the preprocessing that they share.

    Attributes:
        modules: Ready to predict; their boxes are fused.
        data: Settings of the data that they were trained on.
    """

    modules: Sequence[Detector]
    data: BoxesConfig

    @classmethod
    def load(cls, source: Path) -> "BoxPredictor":
        """Load a run folder, a checkpoint, or a folder of runs, which then predict together.

        Raises:
            CheckpointError: If one cannot be used.
            ConfigError: If there is none, or they were not trained alike.
        """
        models = load_alike(source, Detector, _likeness)
        modules = [cast("Detector", model.module) for model in models]
        agreed = joint_operating_point([module.operating_point for module in modules])
        for module in modules:
            module.operating_point = agreed
        return cls(modules, settings_of(models[0].experiment)[1])

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of what is found."""
        return self.modules[0].data.classes

    @property
    def axes(self) -> int:
        """Of the cases that it takes: 2 or 3."""
        return len(self.modules[0].data.spacing)

    def predict(self, paths: Sequence[Path]) -> PredictedImage:
        """Find the objects of one case.

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
            found = first.detect(torch.from_numpy(prepared.image), prepared.geometry, networks)
        shown = first.decisions.shown(found.boxes, first.operating_point)
        highest = np.zeros(len(self.classes))
        np.maximum.at(highest, found.boxes.labels, found.boxes.scores)
        return PredictedImage(image.spatial, shown, highest, image)


def _likeness(model: TrainedModel) -> object:
    """What models have in common that predict together."""
    settings, data = settings_of(model.experiment)[1], cast("Detector", model.module).data
    seen = data.classes, data.channels, len(data.spacing), data.has_spacing, data.mirror_axes
    return settings.preprocessing, seen
