"""A trained X-ray classifier applied to films."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datamodules.batches import ClassifierBatch
from datamodules.cases import Case
from datamodules.configs.xrays import XraysConfig
from datamodules.film_measures import measure_film
from datamodules.image_measures import ImageMeasures
from datamodules.table_features import Value
from datamodules.transforms.xray_acquisition import Acquisition, read_acquisition
from datamodules.transforms.xray_preprocessing import PreparedXray
from datamodules.xray_files import as_batch, find_files, prepare_file
from experiments.evidence import Evidence
from experiments.film_evidence import draw_evidence
from experiments.predicted_files import PredictedBatch
from experiments.predictor import Predictor
from experiments.task_kinds.xray_classification import settings_of
from lightning_modules.explanations import MadeBy

log = logging.getLogger("lightbox")


@dataclass(frozen=True, eq=False, slots=True)
class ReadFilm:
    """A film that was read.

    Attributes:
        path: Where it lies.
        prepared: As the network is to see it.
        acquisition: What its header says.
    """

    path: Path
    prepared: PreparedXray
    acquisition: Acquisition


class FilmPredictor(Predictor[Path]):
    """An X-ray classifier that is ready for PNG, JPEG, TIFF and DICOM."""

    @property
    def data(self) -> XraysConfig:
        """Settings of the data that it was trained on."""
        return settings_of(self.experiment)[1]

    def find(self, places: Sequence[Path], output: Path | None = None) -> dict[str, Path]:
        """See the base class."""
        return find_files(places, output)

    def cases(self, files: Mapping[str, Path], table: Path | None) -> list[Case]:
        """See the base class."""
        found = super().cases(files, table)
        if self.data.unit == "exam":
            log.warning("the model was trained on exams; each file is judged as one of its own")
        return found

    def prepare(self, place: Path) -> ReadFilm:
        """See the base class."""
        prepared = prepare_file(place, self.data.preprocessing)
        return ReadFilm(place, prepared, read_acquisition(place))

    def batch(
        self, names: Sequence[str], prepared: Sequence[ReadFilm], table: NDArray[np.float32]
    ) -> ClassifierBatch:
        """See the base class."""
        films = [film.prepared for film in prepared]
        return as_batch(names, films, self.data.preprocessing, table)

    def measures_of(self, prepared: ReadFilm, case: Case) -> tuple[ImageMeasures, Value]:
        """See the base class."""
        film, acquisition = prepared.prepared, prepared.acquisition
        measures = measure_film(film.image, film.geometry, acquisition.spacing_mm)
        return measures, case.attributes.get("view") or acquisition.view

    def draw(
        self,
        predicted: PredictedBatch,
        wanted: Sequence[Sequence[str]],
        method: MadeBy,
        folder: Path,
    ) -> Iterator[tuple[Evidence, Path]]:
        """See the base class."""
        yield from draw_evidence(
            self.module, predicted, wanted, method, self.data.preprocessing, folder
        )
