"""A trained model applied to files, with the preprocessing that its checkpoint carries."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from pytorch_lightning.utilities import move_data_to_device

from callbacks.checkpoint_files import BEST
from datamodules.cases import Case
from datamodules.configs.xrays import XraysConfig
from datamodules.errors import ConfigError, DataError
from datamodules.file_attributes import read_file_attributes
from datamodules.film_measures import measure_film
from datamodules.input_guard import InputGuard, SeenFilm
from datamodules.parallel import map_in_order, shown
from datamodules.table_features import encode
from datamodules.transforms.xray_acquisition import Acquisition, read_acquisition
from datamodules.transforms.xray_preprocessing import PreparedXray
from datamodules.xray_files import as_batch, prepare_file
from experiments.experiment import Experiment
from experiments.fingerprint import guard_from
from experiments.predicted_files import PredictedBatch, PredictedFilm, Row, failure
from experiments.task_kinds.xray_classification import settings_of
from experiments.trained import TrainedModel
from lightning_modules.metrics.decisions import called_present, thresholds
from lightning_modules.xray_classifier import XrayClassifier

log = logging.getLogger("lightbox")


class _Readable(NamedTuple):
    name: str
    prepared: PreparedXray
    acquisition: Acquisition


@dataclass
class Predictor:
    """A module with its weights, its preprocessing and its frozen operating point.

    Attributes:
        module: Ready to predict.
        experiment: That it was trained in.
        operating_point: Chosen on validation.
        guard: What the training data are like; None where the checkpoint does not say.
    """

    module: XrayClassifier
    experiment: Experiment
    operating_point: dict[str, Any]
    guard: InputGuard | None = None

    @classmethod
    def load(cls, source: Path) -> "Predictor":
        """Load the best checkpoint of a run folder, or a checkpoint file.

        Raises:
            CheckpointError: If it cannot be used, or no operating point was frozen in it.
        """
        path = source / "checkpoints" / BEST if source.is_dir() else source
        model = TrainedModel.load(path)
        if not isinstance(model.module, XrayClassifier):
            kind = type(model.module).__name__
            raise ConfigError(f"{source} is a {kind}, and this is for X-ray classifiers")
        point = model.module.operating_point
        return cls(model.module, model.experiment, point, guard_from(model.facts))

    @property
    def data(self) -> XraysConfig:
        """Settings of the data that it was trained on."""
        return settings_of(self.experiment)[1]

    def cases(self, files: Mapping[str, Path], table: Path | None) -> list[Case]:
        """A case a file, with what the model is given beside the image.

        Args:
            files: Paths by name.
            table: With a row a file; None where the model is given nothing.

        Raises:
            ConfigError: If the model needs another table than this, or cannot judge whole files.
        """
        self._check(table)
        if self.data.unit == "exam":
            log.warning("the model was trained on exams; each file is judged as one of its own")
        if table is None:
            return [Case(name, name, {}) for name in files]
        return list(read_file_attributes(table, self.module.data.table, files).values())

    def _check(self, table: Path | None) -> None:
        if self.module.data.candidates:
            raise ConfigError(
                "this model judges candidates, places in an image, and a file names none; score a"
                " dataset that lists them: python -m experiments.evaluate RUN --config DATA.yaml"
            )
        names = ", ".join(column.name for column in self.module.data.table)
        if names and table is None:
            raise ConfigError(
                f"this model is given {names} beside each image: say --table FILE.csv, with columns"
                f" file, {names} (file: as in predictions.csv; a blank cell: not known)"
            )
        if table is not None and not names:
            raise ConfigError("this model is given nothing beside the image: leave out --table")

    def predict_files(
        self, files: Mapping[str, Path], cases: Sequence[Case], batch_size: int
    ) -> Iterator[PredictedBatch]:
        """Predict every file that can be read.

        Args:
            files: Paths by name.
            cases: One a file, from :meth:`cases`.
            batch_size: Images a forward pass.
        """
        of_name = {case.case_id: case for case in cases}
        good: list[_Readable] = []
        failed: list[Row] = []
        prepared = map_in_order(lambda name: self._prepare(name, files[name]), list(files))
        for number, found in enumerate(shown(prepared, "Predicting", len(files)), start=1):
            if isinstance(found, _Readable):
                good.append(found)
            else:
                failed.append(found)
            if len(good) == batch_size or number == len(files):
                yield self._predict(good, failed, files, of_name)
                good, failed = [], []

    def row(self, film: PredictedFilm) -> Row:
        """A row of predictions.csv."""
        row = {"case_id": film.name, "patient_id": "", "scores": film.scores}
        columns = self.module.table_row(row, self.operating_point)
        del columns["case_id"], columns["patient_id"]
        return {"file": film.name, **columns, **film.outside_column}

    def called(self, film: PredictedFilm) -> list[str]:
        """Labels that are called present at the operating point."""
        return called_present(
            film.scores, self.module.data.labels, thresholds(self.operating_point)
        )

    def _prepare(self, name: str, path: Path) -> _Readable | Row:
        try:
            prepared = prepare_file(path, self.data.preprocessing)
        except DataError as error:
            return failure(name, error)
        return _Readable(name, prepared, read_acquisition(path))

    def _predict(
        self,
        good: Sequence[_Readable],
        failed: list[Row],
        files: Mapping[str, Path],
        cases: Mapping[str, Case],
    ) -> PredictedBatch:
        if not good:
            return PredictedBatch(None, [], failed)
        chosen = [cases[film.name] for film in good]
        batch = as_batch(
            [film.name for film in good],
            [film.prepared for film in good],
            self.data.preprocessing,
            encode(self.module.data.table, chosen),
        )
        batch = move_data_to_device(batch, self.module.device)
        with torch.inference_mode():
            output = self.module(batch)
            scores = self.module.probabilities(output.logits).cpu().tolist()
        features = output.features.float().cpu().numpy()
        outside = self._judge(good, chosen, features)
        films = [
            PredictedFilm(case, files[film.name], film.prepared, *said)
            for film, case, *said in zip(good, chosen, scores, features, outside, strict=True)
        ]
        return PredictedBatch(batch, films, failed)

    def _judge(
        self, films: Sequence[_Readable], cases: Sequence[Case], features: NDArray[np.float32]
    ) -> Sequence[tuple[str, ...] | None]:
        if self.guard is None:
            return [None] * len(films)
        seen = [
            SeenFilm(
                measure_film(
                    film.prepared.image, film.prepared.geometry, film.acquisition.spacing_mm
                ),
                own,
                case.attributes.get("view") or film.acquisition.view,
            )
            for film, case, own in zip(films, cases, features, strict=True)
        ]
        return self.guard.judge(seen)
