"""X-rays with their labels: preprocessed once into a memory map, augmented in the workers."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from datamodules.base import TaskDataModule
from datamodules.batches import DataInfo, LabelSet
from datamodules.candidates import has_candidates
from datamodules.cases import CaseTable
from datamodules.configs.xrays import XraysConfig
from datamodules.doctor.xrays import examine_xrays
from datamodules.errors import ConfigError, DataError
from datamodules.exams import group_exams
from datamodules.hard_cases import CaseErrors
from datamodules.image_cache import ImageCache
from datamodules.samplers import label_balanced_weights
from datamodules.splits import ContentHashes
from datamodules.table_features import TableColumn, check_known, encode, fit_columns
from datamodules.targets import label_set, lacking_outcomes, target_matrix
from datamodules.transforms.xray_geometry import Geometry
from datamodules.xray_cache import cache_xrays, cached_hashes
from datamodules.xray_dataset import XrayArrays, XrayDataset


class XraysData(TaskDataModule):
    """X-rays for classification.

    Args:
        config: Settings.
        seed: Seed of the experiment.
        trained: What a trained model knew of its data, when an external dataset is to be scored.
    """

    config: XraysConfig

    def __init__(self, config: XraysConfig, seed: int = 0, trained: DataInfo | None = None) -> None:
        super().__init__(config, seed)
        self.trained = trained
        self.labels: LabelSet | None = trained.labels if trained is not None else None
        self.columns: tuple[TableColumn, ...] | None = (
            trained.table if trained is not None else None
        )
        self.targets: np.ndarray
        self.cache: ImageCache
        self.starts: np.ndarray

    def prepare_pixels(self, table: CaseTable) -> ContentHashes:
        """Build the targets and the cache of images."""
        self.labels = self.labels or label_set(table, self.config.labels)
        self.targets = target_matrix(table, self.labels)
        self.cache, self.starts = cache_xrays(table, self.config)
        digests = [digest.tobytes() for digest in self.cache.hashes]
        return {
            case.case_id: tuple(digests[row] for row in self.rows_of(index))
            for index, case in enumerate(table.cases)
        }

    def kept_contents(self) -> ContentHashes | None:
        """See the base class."""
        return cached_hashes(self.table, self.config)

    def caches(self) -> Sequence[ImageCache]:
        """The images."""
        return (self.cache,)

    def rows_of(self, index: int) -> range:
        """Rows of the cache that hold the images of a case."""
        return range(int(self.starts[index]), int(self.starts[index + 1]))

    def image_of(self, index: int) -> np.ndarray:
        """The first image of a case, uint8 ``(size, size)``; of a candidate its context."""
        image = self.cache.images[self.rows_of(index)[0]]
        return np.asarray(image if image.ndim == 2 else image[0])

    def geometry_of(self, index: int) -> Geometry:
        """How the first image of a case was made from its file."""
        return Geometry.from_dict(self.cache.geometry(self.rows_of(index)[0]))

    def arrange(self, table: CaseTable) -> CaseTable:
        """Make one case of the images of an exam, when that is what a case is."""
        return group_exams(table) if self.config.unit == "exam" else table

    def check(self) -> None:
        """Look for faults of labels and splits that need no pixels.

        Raises:
            ConfigError: If a label or an attribute that is asked for does not exist.
            DataError: Lists all of them.
        """
        found = examine_xrays(self.config, self._table, pixels=False, labels=self.labels)
        found.refuse_errors()
        self._table = found.table

    def dataset(self, *, training: bool) -> XrayDataset:
        """Images from the cache, augmented while training."""
        augmentation = self.config.augmentation if training else None
        return XrayDataset(
            XrayArrays(self.cache, self.starts, self.targets, self.table_rows),
            self.config.preprocessing,
            augmentation,
            self.seed,
            exams=self.config.unit == "exam",
        )

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
        if has_candidates(self.table) != self.trained.candidates:
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
        size = self.config.preprocessing.size
        targets = self.targets[self.indices("train")]
        return DataInfo(
            labels=self.labels,
            positives=tuple(int(n) for n in (targets == 1).sum(0)),
            negatives=tuple(int(n) for n in (targets == 0).sum(0)),
            channels=1,
            size=(size, size),
            table=self._columns(),
            candidates=has_candidates(self.table),
        )

    def _columns(self) -> tuple[TableColumn, ...]:
        """How attributes become numbers: as the trained model has it, or fitted on training."""
        if self.columns is None:
            cases = [self.table.cases[index] for index in self.indices("train")]
            self.columns = fit_columns(self.config.table_features, cases)
        return self.columns
