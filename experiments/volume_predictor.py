"""A trained volume classifier applied to files and DICOM series."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from datamodules.batches import ClassifierBatch
from datamodules.cases import Case
from datamodules.configs.volumes import VolumesConfig
from datamodules.errors import DataError
from datamodules.held_volumes import HeldVolumes
from datamodules.image_measures import ImageMeasures
from datamodules.parallel import few_threads
from datamodules.samplers import Draw
from datamodules.table_features import Value
from datamodules.transforms.volume_geometry import VolumeGeometry
from datamodules.volume_cases import PrepareForClassifier
from datamodules.volume_content import PreparedCase, as_stored
from datamodules.volume_dataset import VolumeDataset, VolumeView
from datamodules.volume_files import find_volumes, read_channels
from datamodules.volume_measures import measure_volume
from experiments.evidence import Evidence
from experiments.predicted_files import PredictedBatch
from experiments.predictor import Predictor
from experiments.task_kinds.volume_classification import settings_of
from experiments.volume_evidence import draw_volume_evidence
from lightning_modules.explanations import MadeBy


@dataclass(frozen=True, eq=False)
class ReadVolume:
    """A volume that was read and prepared.

    Attributes:
        case: As it would be stored.
        starts: Where what the network sees of it starts, ``(N, 3)``.
    """

    case: PreparedCase
    starts: NDArray[np.int64]

    @property
    def image(self) -> NDArray[np.float32]:
        """``(C, *resampled)``."""
        return self.case.image

    @property
    def geometry(self) -> VolumeGeometry:
        """How it was made from its files."""
        return self.case.geometry


class VolumePredictor(Predictor[tuple[Path, ...]]):
    """A volume classifier that is ready for NIfTI, NRRD, MHA and DICOM series."""

    threads, ahead = few_threads(), 1

    @property
    def files_at_once(self) -> int | None:
        """One where it is hundreds of patches."""
        return 1 if self.data.fit.kind == "patches" else None

    @cached_property
    def data(self) -> VolumesConfig:
        """Settings of the data that it was trained on."""
        return settings_of(self.experiment)[1]

    def find(
        self, places: Sequence[Path], output: Path | None = None
    ) -> dict[str, tuple[Path, ...]]:
        """See the base class; a folder of DICOM files is a series."""
        return find_volumes(places, self.seen.channels, output)

    def prepare(self, place: tuple[Path, ...]) -> ReadVolume:
        """See the base class."""
        volume, channels = read_channels(place), self.seen.channels
        if len(volume.array) != channels:
            raise DataError(f"it has {len(volume.array)} channels, and the model takes {channels}")
        prepared = PrepareForClassifier(self.data)(volume)
        case = replace(
            cast("Any", prepared), image=as_stored(prepared.image)
        )  # once, and not for every patch
        return ReadVolume(case, self._dataset([case]).starts(0))

    def _dataset(
        self, cases: Sequence[PreparedCase], table: NDArray[np.float32] | None = None
    ) -> VolumeDataset:
        view = VolumeView(self.data, 0, (1.0,) * 3, self.seen.channels)
        targets = np.full((len(cases), 0), np.nan, np.float32)
        known = np.zeros((len(cases), 0), np.float32) if table is None else table
        return VolumeDataset(HeldVolumes(cases), targets, known, view, training=False)

    def batch(
        self, names: Sequence[str], prepared: Sequence[ReadVolume], table: NDArray[np.float32]
    ) -> ClassifierBatch:
        """See the base class."""
        dataset = self._dataset([volume.case for volume in prepared], table)
        found = dataset.show([Draw(number) for number in range(len(prepared))])
        found["case_id"] = found["patient_id"] = list(names)
        return found

    def measures_of(self, prepared: ReadVolume, case: Case) -> tuple[ImageMeasures, Value]:
        """See the base class."""
        del case
        return measure_volume(as_stored(prepared.image), prepared.geometry), None

    def draw(
        self,
        predicted: PredictedBatch,
        wanted: Sequence[Sequence[str]],
        method: MadeBy,
        folder: Path,
    ) -> Iterator[tuple[Evidence, Path]]:
        """See the base class: three planes through the strongest evidence."""
        yield from draw_volume_evidence(self.module, predicted, wanted, method, folder)
