"""Trained detectors applied to files: one, or the folds of a cross-validation together."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from datamodules.configs.boxes import BoxesConfig
from datamodules.errors import ConfigError
from datamodules.mask_inputs import check_image
from datamodules.transforms.volume_preprocessing import PreprocessVolume
from datamodules.volume import Volume
from datamodules.volume_files import read_channels
from experiments.mask_predictor import checkpoints_of
from experiments.task_kinds.detection import settings_of
from experiments.trained import TrainedModel
from lightning_modules.box_decisions import FoundBoxes, joint_operating_point
from lightning_modules.detector import Detector

log = logging.getLogger("lightbox")


@dataclass(frozen=True, eq=False)
class PredictedBoxes:
    """What a detector says of one case.

    Attributes:
        image: As it was read.
        boxes: Those that reach the operating point, in voxels of the file.
        everything: Those below it too.
    """

    image: Volume
    boxes: FoundBoxes
    everything: FoundBoxes


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
        modules, settings = [], []
        for path in checkpoints_of(source):
            model = TrainedModel.load(path)
            if not isinstance(model.module, Detector):
                raise ConfigError(f"{path} is no detector")
            settings.append(settings_of(model.experiment)[1])
            modules.append(model.module)
        first = settings[0]
        if any(each.preprocessing != first.preprocessing for each in settings) or any(
            _kind(module) != _kind(modules[0]) for module in modules
        ):
            raise ConfigError(f"the runs in {source} were not trained alike, and cannot be joined")
        agreed = joint_operating_point([module.operating_point for module in modules])
        for module in modules:
            module.operating_point = agreed
        if len(modules) > 1:
            log.info("%d models predict together", len(modules))
        return cls(modules, first)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of what is found."""
        return self.modules[0].data.classes

    def predict(self, paths: Sequence[Path]) -> PredictedBoxes:
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
        return PredictedBoxes(image, shown, found.boxes)


def _kind(module: Detector) -> tuple[object, ...]:
    data = module.data
    return data.classes, data.channels, len(data.spacing), data.has_spacing, data.mirror_axes
