"""Images with labels, of whatever kind: what films and volumes to classify have in common."""

from abc import abstractmethod
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np

from datamodules.base import TaskDataModule
from datamodules.batches import ClassifierBatch
from datamodules.cases import CaseTable
from datamodules.configs.labelled import LabelledConfig
from datamodules.data_info import DataInfo, LabelSet
from datamodules.errors import ConfigError, DataError
from datamodules.hard_cases import CaseErrors
from datamodules.image_measures import ImageKind, ImageMeasures
from datamodules.samplers import Draw, label_balanced_weights
from datamodules.splits import ContentHashes
from datamodules.table_features import TableColumn, Value, check_known, encode, fit_columns
from datamodules.targets import label_set, lacking_outcomes, target_matrix

MOST_JUDGED = 2000


class Picture(NamedTuple):
    """A flat picture of a case.

    Attributes:
        image: Grey values, uint8 ``(H, W)``, or RGB ``(H, W, 3)``.
        evidence: 0..1, float32, of the same extent; None: there is none to show.
    """

    image: np.ndarray
    evidence: np.ndarray | None


class LabelledData(TaskDataModule):
    """Images for classification; a task keeps them and reads batches of them.

    Args:
        config: Settings.
        seed: Seed of the experiment.
        trained: What a trained model knew of its data, when an external dataset is to be scored.

    Attributes:
        targets: float32 ``(n, L)``: 1 holds, 0 does not, NaN not known; once it is prepared.
    """

    config: LabelledConfig
    thumbnail: ClassVar[str]
    """What :meth:`thumbnail_of` gives, for a person."""
    image_kind: ClassVar[ImageKind]
    """What :meth:`measures_of` measures."""

    def __init__(
        self, config: LabelledConfig, seed: int = 0, trained: DataInfo | None = None
    ) -> None:
        super().__init__(config, seed)
        self.trained = trained
        self.labels: LabelSet | None = trained.labels if trained is not None else None
        self.columns: tuple[TableColumn, ...] | None = (
            trained.table if trained is not None else None
        )
        self.targets: np.ndarray

    @abstractmethod
    def prepare_images(self, table: CaseTable) -> ContentHashes:
        """Preprocess the images of every case once, and return hashes of their content."""

    @property
    @abstractmethod
    def has_candidates(self) -> bool:
        """Whether cases are places in images, seen as context and detail."""

    @property
    @abstractmethod
    def image_shape(self) -> tuple[int, ...]:
        """Channels of an image and its size along each axis, as the network is to see it."""

    def show(self, indices: Sequence[int]) -> ClassifierBatch:
        """A batch of cases as evaluation sees them, on the CPU."""
        dataset: Any = self.dataset(training=False)
        batch: ClassifierBatch = dataset.__getitems__([Draw(index) for index in indices])
        return batch

    @abstractmethod
    def measures_of(self, index: int) -> list[tuple[ImageMeasures, Value]]:
        """What is measured of each image of a case that is judged by itself, and its view."""

    def show_judged(self, indices: Sequence[int]) -> ClassifierBatch:
        """As :meth:`show`, with each image that is judged by itself as a case of its own."""
        return self.show(indices)

    @property
    def most_judged(self) -> int:
        """Cases of a split that say what training data are like; of more, so many are drawn."""
        return MOST_JUDGED

    @abstractmethod
    def thumbnail_of(self, index: int) -> np.ndarray:
        """The image of a case, tiny, float32 ``(K,)``, for a regression on grey values."""

    @abstractmethod
    def original_size(self, index: int) -> dict[str, Value]:
        """Size of the original image of a case, by what it is the size of; a text is all of it."""

    @abstractmethod
    def picture_of(self, index: int, evidence: np.ndarray | None = None) -> Picture:
        """A case as a person sees it, and beneath it where evidence lies.

        Args:
            index: Position of the case.
            evidence: Of :meth:`evidence_of`.
        """

    @abstractmethod
    def evidence_of(self, index: int, maps: np.ndarray) -> np.ndarray:
        """One map of a case, over its prepared image, from those of its images ``(N, *size)``."""

    @property
    def mirror_axes(self) -> tuple[int, ...]:
        """Axes of an image along which training mirrors it, where a network is to know."""
        return ()

    def prepare_pixels(self, table: CaseTable) -> ContentHashes:
        """Build the targets and the cache of images."""
        self.labels = self.labels or label_set(
            table, self.config.labels, ordered=self.config.ordered
        )
        self.targets = target_matrix(table, self.labels)
        return self.prepare_images(table)

    @cached_property
    def table_rows(self) -> np.ndarray:
        """What the table knows of each case, float32 ``(n, F)``."""
        return encode(self.info.table, self.table.cases)

    def indices(self, split: str) -> list[int]:
        """Positions of a split's cases; those without any known label cannot be trained on."""
        known = ~np.isnan(self.targets).all(axis=1)
        return [index for index in super().indices(split) if known[index]]

    def prepare(self, splits_file: Path | None = None, *, held_out: bool = False) -> None:
        """As for every task, and look whether each label can be learned and judged."""
        strange = self._check_trained() if self.trained is not None else []
        super().prepare(splits_file, held_out=held_out)
        self.notices += strange
        if self.config.sampling == "hard-cases":
            self.case_errors = CaseErrors(len(self.table.cases))
        if not held_out and self.labels is not None:
            for split in ("train", "val"):
                self._check_outcomes(split, self.labels)

    def _check_trained(self) -> list[str]:
        """Look whether these cases are what the trained model was made for.

        Raises:
            ConfigError: If not.
        """
        assert self.trained is not None
        if self.has_candidates != self.trained.candidates:
            theirs, ours = "candidates", "whole images"
            if self.trained.candidates:
                theirs, ours = ours, theirs
            raise ConfigError(f"{self.table.name} lists {theirs}, and the model is for {ours}")
        return check_known(self.trained.table, self.table.cases)

    def _check_outcomes(self, split: str, labels: LabelSet) -> None:
        targets = self.targets[self.indices(split)]
        lacking = lacking_outcomes(targets, labels, split)
        if split == "train" and len(lacking) >= len(labels.names):
            raise DataError("there is nothing to learn from these training cases", lacking)
        self.notices += lacking

    def case_weights(self, indices: Sequence[int]) -> np.ndarray | None:
        """Equal chances for every outcome of every label, unless sampling is natural."""
        if self.config.sampling == "natural" or self.labels is None:
            return None
        errors = self.case_errors
        importance = None if errors is None else errors.importance()[indices]
        return label_balanced_weights(
            self.targets[indices], exclusive=self.labels.exclusive, importance=importance
        )

    def facts(self) -> dict[str, Any]:
        """The data's part of a checkpoint."""
        return self.info.to_dict()

    @property
    def info(self) -> DataInfo:
        """What the module may know of the data."""
        if self.labels is None:
            raise ConfigError("prepare() has not been called")
        channels, *size = self.image_shape
        targets = self.targets[self.indices("train")]
        return DataInfo(
            labels=self.labels,
            positives=tuple(int(n) for n in (targets == 1).sum(0)),
            negatives=tuple(int(n) for n in (targets == 0).sum(0)),
            channels=channels,
            size=tuple(size),
            table=self._columns(),
            candidates=self.has_candidates,
            mirror_axes=self.mirror_axes,
        )

    def _columns(self) -> tuple[TableColumn, ...]:
        """How attributes become numbers: as the trained model has it, or fitted on training."""
        if self.columns is None:
            cases = [self.table.cases[index] for index in self.indices("train")]
            self.columns = fit_columns(self.config.table_features, cases)
        return self.columns
