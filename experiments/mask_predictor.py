"""Trained segmenters applied to files: one, or the folds of a cross-validation together."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from callbacks.checkpoint_files import BEST, read_checkpoint
from datamodules.configs.masks import MasksConfig
from datamodules.errors import CheckpointError, ConfigError, DataError
from datamodules.transforms.mask_reading import check_geometry
from datamodules.transforms.volume_preprocessing import PreprocessVolume
from datamodules.transforms.volume_reading import read_volume
from datamodules.volume import Volume
from experiments.experiment import Experiment
from experiments.task_kinds.segmentation import settings_of
from experiments.tasks import rebuild_module
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
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        modules, settings = [], []
        for path in checkpoints_of(source):
            checkpoint = read_checkpoint(path)
            module = rebuild_module(checkpoint)
            if not isinstance(module, Segmenter):
                raise ConfigError(f"{path} is no segmenter")
            facts = checkpoint["lightbox"]
            if facts["operating_point"] is None:
                raise CheckpointError(
                    f"{path}: its run was not finished; finish it with:"
                    " python -m experiments.run --resume RUN"
                )
            module.operating_point = facts["operating_point"]
            settings.append(settings_of(Experiment.model_validate(facts["experiment"]))[1])
            modules.append(module.to(device).eval())
        first = settings[0]
        if any(
            (each.preprocessing, each.patch) != (first.preprocessing, first.patch)
            for each in settings
        ) or any(module.data.labels != modules[0].data.labels for module in modules):
            raise ConfigError(f"the runs in {source} were not trained alike, and cannot be joined")
        return cls(modules, first)

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
        image = self._read(paths)
        first = self.modules[0]
        if len(image.array) != first.data.channels:
            raise DataError(
                f"it has {len(image.array)} channels, and the model takes {first.data.channels}"
            )
        if len(image.spatial) != len(first.data.spacing):
            raise DataError(
                f"it has {len(image.spatial)} axes, and the model was trained on images of"
                f" {len(first.data.spacing)}"
            )
        prepared = PreprocessVolume(self.data.preprocessing)(image)
        networks = [module.network for module in self.modules]
        with torch.inference_mode():
            found = first.segment(torch.from_numpy(prepared.image), prepared.geometry, networks)
        voxel, mask = first.metrics.units.voxel(found.spacing), found.mask
        sizes = {
            name: voxel * int((mask[0] == number if len(mask) == 1 else mask[number - 1]).sum())
            for number, name in enumerate(self.structures, start=1)
        }
        return PredictedMask(image, mask, sizes)

    def _read(self, paths: Sequence[Path]) -> Volume:
        image, *others = [read_volume(path) for path in paths]
        for path, other in zip(paths[1:], others, strict=True):
            try:
                check_geometry(other, image, "channel")
            except DataError as error:
                raise DataError(f"{path.name}: {error}") from error
        if not others:
            return image
        return replace(image, array=np.concatenate([image.array, *(o.array for o in others)]))


def checkpoints_of(source: Path) -> list[Path]:
    """The best checkpoint of a run, or those of all runs in a folder.

    Raises:
        ConfigError: If there is none.
    """
    if source.is_file():
        return [source]
    if (own := source / "checkpoints" / BEST).is_file():
        return [own]
    if several := sorted(source.glob(f"*/checkpoints/{BEST}")):
        return several
    raise ConfigError(f"{source} holds no finished run")
