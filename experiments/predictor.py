"""A trained classifier applied to files, with the preprocessing that its checkpoint carries."""

import logging
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Generic, NamedTuple, Self, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from pytorch_lightning.utilities import move_data_to_device

from datamodules.batches import ClassifierBatch
from datamodules.cases import Case
from datamodules.data_info import DataInfo
from datamodules.errors import ConfigError, DataError
from datamodules.file_attributes import read_file_attributes
from datamodules.image_measures import ImageMeasures
from datamodules.input_guard import InputGuard, SeenImage
from datamodules.parallel import AHEAD, map_in_order, shown
from datamodules.table_features import Value, encode
from experiments.evidence import Evidence, Explained
from experiments.experiment import Experiment
from experiments.fingerprint import guard_from
from experiments.predicted_files import PredictedBatch, PredictedFile, Row, failure
from experiments.trained import TrainedModel
from lightning_modules.explanations import MadeBy
from lightning_modules.metrics.decisions import called_present, thresholds

log = logging.getLogger("lightbox")

Place = TypeVar("Place")
"""Where an image lies: a file, or several that belong together."""
Outside = Sequence[tuple[str, ...] | None]
"""Why each file is outside the training data; see :class:`PredictedFile`."""


class Readable(NamedTuple):
    """A file that could be read.

    Attributes:
        name: Of the file.
        prepared: As the network is to see it, and what else its kind of image needs.
    """

    name: str
    prepared: Any


class Predictor(ABC, Generic[Place]):
    """A module with its weights, its preprocessing and its frozen operating point.

    Args:
        module: Ready to predict.
        experiment: That it was trained in.
        guard: What the training data are like; None where the checkpoint does not say.

    Attributes:
        operating_point: Chosen on validation.
    """

    threads: ClassVar[int | None] = None
    """That read files; None: as many as there are cores."""
    ahead: ClassVar[int] = AHEAD
    """Files a thread that may be read and not yet predicted."""

    def __init__(
        self, module: Explained, experiment: Experiment, guard: InputGuard | None = None
    ) -> None:
        self.module, self.experiment, self.guard = module, experiment, guard
        self.operating_point = module.operating_point

    @classmethod
    def of(cls, model: TrainedModel) -> Self:
        """The predictor of a trained model."""
        assert isinstance(model.module, Explained)
        return cls(model.module, model.experiment, guard_from(model.facts))

    @property
    def seen(self) -> DataInfo:
        """What the network is given of a case."""
        data = self.module.data
        return data if isinstance(data, DataInfo) else data.seen

    @property
    def files_at_once(self) -> int | None:
        """Files of a forward pass at most; None: as many as are asked for."""
        return None

    @abstractmethod
    def find(self, places: Sequence[Path], output: Path | None = None) -> dict[str, Place]:
        """Files by name: those that are named, and those in folders; see the kind of image.

        Raises:
            ConfigError: If a place does not exist, or nothing is found.
        """

    @abstractmethod
    def prepare(self, place: Place) -> Any:  # noqa: ANN401 - of the kind of image
        """Read and prepare one file.

        Raises:
            DataError: If it cannot be, or is not of the kind that the model takes.
        """

    @abstractmethod
    def batch(
        self, names: Sequence[str], prepared: Sequence[Any], table: NDArray[np.float32]
    ) -> ClassifierBatch:
        """What the network is to see of some prepared files, on the CPU.

        Args:
            names: Of the files.
            prepared: Of :meth:`prepare`.
            table: What the model is given beside each image, float32 ``(n, F)``.
        """

    @abstractmethod
    def draw(
        self,
        predicted: PredictedBatch,
        wanted: Sequence[Sequence[str]],
        method: MadeBy,
        folder: Path,
    ) -> Iterator[tuple[Evidence, Path]]:
        """Where the model looks, for the labels that are wanted of each file, drawn over it.

        A file that cannot be read any more is added to ``predicted.failed``.

        Returns:
            The evidence, and the place of its picture in the folder.
        """

    @abstractmethod
    def measures_of(self, prepared: Any, case: Case) -> tuple[ImageMeasures, Value]:  # noqa: ANN401
        """What the input guard measures of a file, as it did of training cases, and its view."""

    def judge(
        self, prepared: Sequence[Any], cases: Sequence[Case], features: NDArray[np.float32]
    ) -> Outside:
        """Why each file is outside the training data, if the checkpoint can say."""
        if self.guard is None:
            return [None] * len(prepared)
        looks = map(self.measures_of, prepared, cases)
        seen = zip(looks, features, strict=True)
        return self.guard.judge([SeenImage(measures, own, view) for (measures, view), own in seen])

    def cases(self, files: Mapping[str, Place], table: Path | None) -> list[Case]:
        """A case a file, with what the model is given beside the image.

        Args:
            files: By name.
            table: With a row a file; None where the model is given nothing.

        Raises:
            ConfigError: If the model needs another table than this, or cannot judge whole files.
        """
        self._check(table)
        if table is None:
            return [Case(name, name, {}) for name in files]
        return list(read_file_attributes(table, self.seen.table, files).values())

    def _check(self, table: Path | None) -> None:
        if self.seen.candidates:
            raise ConfigError(
                "this model judges candidates, places in an image, and a file names none; score a"
                " dataset that lists them: python -m experiments.evaluate RUN --config DATA.yaml"
            )
        names = ", ".join(column.name for column in self.seen.table)
        if names and table is None:
            raise ConfigError(
                f"this model is given {names} beside each image: say --table FILE.csv, with columns"
                f" file, {names} (file: as in predictions.csv; a blank cell: not known)"
            )
        if table is not None and not names:
            raise ConfigError("this model is given nothing beside the image: leave out --table")

    def predict_files(
        self, files: Mapping[str, Place], cases: Sequence[Case], batch_size: int
    ) -> Iterator[PredictedBatch]:
        """Predict every file that can be read.

        Args:
            files: By name.
            cases: One a file, from :meth:`cases`.
            batch_size: Images a forward pass.
        """
        of_name = {case.case_id: case for case in cases}
        good: list[Readable] = []
        failed: list[Row] = []
        if self.files_at_once is not None:
            batch_size = min(batch_size, self.files_at_once)
        names = list(files)
        read = map_in_order(
            lambda name: self._read(name, files[name]), names, self.threads, self.ahead
        )
        for number, found in enumerate(shown(read, "Predicting", len(files)), start=1):
            if isinstance(found, Readable):
                good.append(found)
            else:
                failed.append(found)
            if len(good) == batch_size or number == len(files):
                yield self._predict(good, failed, of_name)
                good, failed = [], []

    def row(self, film: PredictedFile) -> Row:
        """A row of predictions.csv."""
        row = {"case_id": film.name, "patient_id": "", "scores": film.scores}
        columns = self.module.table_row(row, self.operating_point)
        del columns["case_id"], columns["patient_id"]
        return {"file": film.name, **columns, **film.outside_column}

    def called(self, film: PredictedFile) -> list[str]:
        """Labels that are called present at the operating point."""
        return called_present(
            film.scores, self.module.data.labels, thresholds(self.operating_point)
        )

    def _read(self, name: str, place: Place) -> Readable | Row:
        try:
            return Readable(name, self.prepare(place))
        except DataError as error:
            return failure(name, error)

    def _predict(
        self, good: Sequence[Readable], failed: list[Row], cases: Mapping[str, Case]
    ) -> PredictedBatch:
        if not good:
            return PredictedBatch(None, [], failed)
        chosen = [cases[film.name] for film in good]
        prepared = [film.prepared for film in good]
        table = encode(self.seen.table, chosen)
        batch = self.batch([film.name for film in good], prepared, table)
        batch = move_data_to_device(batch, self.module.device)
        with torch.inference_mode():
            scores, seen = (each.cpu() for each in self.module.describe(batch))
        features = seen.numpy()
        outside = self.judge(prepared, chosen, features)
        films = [
            PredictedFile(*each)
            for each in zip(chosen, prepared, scores.tolist(), features, outside, strict=True)
        ]
        return PredictedBatch(batch, films, failed)
