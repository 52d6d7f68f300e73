"""X-rays with their labels: preprocessed once into a memory map, augmented in the workers."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset

from datamodules.base import TaskDataModule, draws_of
from datamodules.batches import DataInfo, LabelSet, XrayBatch
from datamodules.cache import CacheItem, ImageCache, build_or_open
from datamodules.cases import CaseTable, resolve
from datamodules.configs.xrays import XrayAugmentation, XraysConfig
from datamodules.errors import ConfigError, DataError
from datamodules.samplers import Draw, label_balanced_weights
from datamodules.targets import label_set, target_matrix
from datamodules.transforms.xray_augmentation import AugmentXray
from datamodules.transforms.xray_preprocessing import (
    PREPROCESSING_VERSION,
    PreprocessXray,
    normalise,
)
from datamodules.transforms.xray_reading import read_xray


class XraysData(TaskDataModule):
    """X-rays for classification.

    Args:
        config: Settings.
        seed: Seed of the experiment.
        labels: The labels of a trained model, when an external dataset is to be scored by it.
    """

    config: XraysConfig

    def __init__(self, config: XraysConfig, seed: int = 0, labels: LabelSet | None = None) -> None:
        super().__init__(config, seed)
        self.labels = labels
        self.targets: np.ndarray
        self.cache: ImageCache

    def prepare_pixels(self, table: CaseTable) -> Mapping[str, bytes]:
        """Build the targets and the cache of images."""
        self.labels = self.labels or label_set(table, self.config.labels)
        self.targets = target_matrix(table, self.labels)
        preprocess = PreprocessXray(self.config.preprocessing)
        size = self.config.preprocessing.size
        self.cache = build_or_open(
            [
                CacheItem(
                    case.case_id,
                    source := _only_image(case.inputs),
                    resolve(table.root, source.path),
                )
                for case in table.cases
            ],
            lambda item: preprocess(read_xray(item.path, item.source.selector)),
            {"version": PREPROCESSING_VERSION, **self.config.preprocessing.stored()},
            shape=(size, size),
            dataset=table.name,
        )
        return {
            case.case_id: digest.tobytes()
            for case, digest in zip(table.cases, self.cache.hashes, strict=True)
        }

    def check(self) -> None:
        """Look for faults of labels and splits that need no pixels.

        Raises:
            ConfigError: If a label that is asked for does not exist.
            DataError: If the cases cannot be read or divided.
        """
        target_matrix(self.table, self.labels or label_set(self.table, self.config.labels))
        super().check()

    def dataset(self, *, training: bool) -> "XrayDataset":
        """Images from the cache, augmented while training."""
        augmentation = self.config.augmentation if training else None
        return XrayDataset(self.cache, self.targets, self.config, augmentation, self.seed)

    def indices(self, split: str) -> list[int]:
        """Positions of a split's cases; those without any known label cannot be trained on."""
        known = ~np.isnan(self.targets).all(axis=1)
        return [index for index in super().indices(split) if known[index]]

    def prepare(self, splits_file: Path | None = None, *, held_out: bool = False) -> None:
        """As for every task, and look whether each label can be learned and judged."""
        super().prepare(splits_file, held_out=held_out)
        if not held_out and self.labels is not None:
            for split in ("train", "val"):
                self._check_outcomes(split, self.labels)

    def _check_outcomes(self, split: str, labels: LabelSet) -> None:
        targets = self.targets[self.indices(split)]
        lacking = [
            f"'{name}' has no {word} case in {split}"
            for name, column in zip(labels.names, targets.T, strict=True)
            for word, outcome in (("positive", 1), ("negative", 0))
            if not (column == outcome).any()
        ]
        if split == "train" and len(lacking) >= len(labels.names):
            raise DataError("there is nothing to learn from these training cases", lacking)
        self.notices += lacking

    def case_weights(self, indices: Sequence[int]) -> np.ndarray | None:
        """Equal chances for every outcome of every label, when sampling is class-balanced."""
        if self.config.sampling == "natural" or self.labels is None:
            return None
        return label_balanced_weights(self.targets[indices], exclusive=self.labels.exclusive)

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
        )


class XrayDataset(Dataset[XrayBatch]):
    """Whole batches of images from the memory map.

    Args:
        cache: Preprocessed images.
        targets: float32 ``(n, L)``, in the order of the cache.
        config: Settings.
        augmentation: Random changes, or None.
        seed: Seed of the experiment, part of the key of every random change.
    """

    def __init__(
        self,
        cache: ImageCache,
        targets: np.ndarray,
        config: XraysConfig,
        augmentation: XrayAugmentation | None,
        seed: int,
    ) -> None:
        self.cache, self.targets, self.seed = cache, targets, seed
        self.preprocessing = config.preprocessing
        self.augment = AugmentXray(augmentation) if augmentation is not None else None

    def __len__(self) -> int:
        return len(self.targets)

    def __getitems__(self, draws: Sequence[Draw]) -> XrayBatch:
        """One batch; torch's loader hands over the whole list of draws."""
        index, epoch, draw = draws_of(draws)
        images = np.stack([self._image(*key) for key in draws])
        return XrayBatch(
            image=torch.from_numpy(normalise(images, self.preprocessing))[:, None],
            target=torch.from_numpy(self.targets[index.numpy()]),
            index=index,
            epoch=epoch,
            draw=draw,
        )

    def _image(self, index: int, epoch: int, draw: int) -> np.ndarray:
        image = self.cache.images[index]
        return image if self.augment is None else self.augment(image, self.seed, epoch, draw)


def _only_image(inputs: Mapping[str, Any]) -> Any:  # noqa: ANN401 - Source
    if "image" not in inputs:
        raise ConfigError(f"this dataset has no X-ray image: its inputs are {', '.join(inputs)}")
    return inputs["image"]
