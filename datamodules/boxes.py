"""Images and volumes with boxes around objects: preprocessed once, seen whole or in patches."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from datamodules.base import TaskDataModule
from datamodules.box_cases import (
    IGNORED,
    CaseBoxes,
    ObjectClasses,
    boxes_of_case,
    cache_images,
    cached_images,
)
from datamodules.box_dataset import BoxPatches, BoxPatchSettings, WholeImages, change_windows
from datamodules.cases import CaseTable
from datamodules.configs.boxes import BoxesConfig
from datamodules.data_info import DetectionInfo
from datamodules.doctor.boxes import examine_boxes
from datamodules.errors import ConfigError, DataError
from datamodules.mask_inputs import check_first_image
from datamodules.splits import ContentHashes
from datamodules.volume_cache import VolumeCache

ASIDE = ("geometry", "truth", "keys")
"""What of a batch is not a tensor, and stays where it is."""
MOST_SIZES = 2000
"""Boxes whose sizes a model is told, to fit anchors to."""


class BoxesData(TaskDataModule):
    """Images and volumes for detection.

    Patches are changed in the workers, or on the GPU where there is one. Whole cases come with
    their geometry, and with their boxes in voxels of the file, in which everything is scored.

    Args:
        config: Settings.
        seed: Seed of the experiment.
        trained: What a trained model knew of its data, when an external dataset is to be scored.
    """

    config: BoxesConfig

    def __init__(
        self, config: BoxesConfig, seed: int = 0, trained: DetectionInfo | None = None
    ) -> None:
        super().__init__(config, seed)
        self.trained = trained
        self.cache: VolumeCache

    @cached_property
    def classes(self) -> ObjectClasses:
        """The objects that are asked for, or those that a trained model knows."""
        if self.trained is not None:
            return ObjectClasses.of_model(self.table, self.config, self.trained.classes)
        return ObjectClasses.of(self.table, self.config)

    def check(self) -> None:
        """Look for faults that need no pixels.

        Raises:
            ConfigError: If a class that is asked for does not exist.
            DataError: Lists all of them.
        """
        found = examine_boxes(self.config, self._table, pixels=False)
        found.refuse_errors()
        self._table = found.table

    def prepare_pixels(self, table: CaseTable) -> ContentHashes:
        """Preprocess every case into the cache."""
        if self.trained is not None:
            check_first_image(table, self.trained)
        self.cache = cache_images(table, self.config, self.classes)
        axes = self.cache.shapes.shape[1]
        if len(self.config.patch) != axes:
            raise ConfigError(
                f"--data.patch has {len(self.config.patch)} numbers, and the images of"
                f" {table.name} have {axes} axes"
            )
        return _contents(table, self.cache)

    def kept_contents(self) -> ContentHashes | None:
        """See the base class."""
        cache = cached_images(self.table, self.config, self.classes)
        return None if cache is None else _contents(self.table, cache)

    def caches(self) -> Sequence[VolumeCache]:
        """The images."""
        return (self.cache,)

    def indices(self, split: str) -> list[int]:
        """Positions of a split's cases; those without annotation cannot be learned or scored."""
        cases = self.table.cases
        return [index for index in super().indices(split) if self.classes.annotate(cases[index])]

    @property
    def batches_per_epoch(self) -> int | None:
        """As it is set."""
        return self.config.batches_per_epoch

    @property
    def evaluation_batch_size(self) -> int:
        """Cases differ in size: one at a time."""
        return 1

    @cached_property
    def truths(self) -> list[CaseBoxes]:
        """The boxes of every case, in voxels of its file."""
        return [
            boxes_of_case(case, row, self.cache, self.classes)
            for row, case in enumerate(self.table.cases)
        ]

    @cached_property
    def prepared_boxes(self) -> list[CaseBoxes]:
        """The boxes of every case, on the prepared grid."""
        return [
            CaseBoxes(self.cache.geometry(row).prepare_boxes(own.boxes), own.labels, own.ignored)
            for row, own in enumerate(self.truths)
        ]

    def dataset(self, *, training: bool) -> BoxPatches | WholeImages:
        """Augmented patches while training, else whole cases."""
        if not training:
            return WholeImages(self.cache, self.prepared_boxes)
        return BoxPatches(
            self.cache, self.prepared_boxes, self._patches, augmented=not self._on_gpu
        )

    @property
    def _on_gpu(self) -> bool:
        return self.trainer is not None and self.trainer.strategy.root_device.type == "cuda"

    @cached_property
    def _patches(self) -> BoxPatchSettings:
        info = self.info
        return BoxPatchSettings(self.config, self.seed, info.spacing, info.channels)

    def on_before_batch_transfer(self, batch: Any, dataloader_idx: int) -> Any:  # noqa: ANN401
        """Add ids, and of a whole case its geometry and its boxes in the file."""
        whole = "image" in batch and batch["draw"][0] < 0
        batch = super().on_before_batch_transfer(batch, dataloader_idx)
        if "images" in batch:
            draws = zip(batch["epoch"].tolist(), batch["draw"].tolist(), strict=True)
            batch["keys"] = list(draws)
        elif whole:
            (index,) = batch["index"].tolist()
            batch["geometry"], batch["truth"] = [self.cache.geometry(index)], [self.truths[index]]
        return batch

    def transfer_batch_to_device(
        self,
        batch: Any,  # noqa: ANN401
        device: torch.device,
        dataloader_idx: int,
    ) -> Any:  # noqa: ANN401
        """Move the tensors."""
        aside = {name: batch.pop(name) for name in ASIDE if name in batch}
        return {**super().transfer_batch_to_device(batch, device, dataloader_idx), **aside}

    def on_after_batch_transfer(self, batch: Any, dataloader_idx: int) -> Any:  # noqa: ANN401
        """Change training patches on a GPU, where they are by now."""
        del dataloader_idx
        if "images" not in batch:
            return batch
        ids = {name: batch[name] for name in ("case_id", "patient_id")}
        return {**change_windows(batch, batch["keys"], self._patches), **ids}

    def facts(self) -> dict[str, Any]:
        """The data's part of a checkpoint."""
        return self.info.to_dict()

    @cached_property
    def info(self) -> DetectionInfo:
        """What the module may know of the data; of another dataset, what it knew before."""
        if self.trained is not None:
            return self.trained
        if not self.splits:
            raise DataError("prepare() has not been called")
        training = self.indices("train")
        mirror, axes = self.config.augmentation.mirror, len(self.config.patch)
        own = [self.cache.geometry(index).spacing for index in training]
        return DetectionInfo(
            classes=self.classes.names,
            channels=self.cache.description["channels"],
            patch=self.config.patch,
            spacing=tuple(float(value) for value in np.median(own, axis=0)),
            has_spacing=all(self.cache.geometry(index).has_spacing for index in training),
            mirror_axes=tuple(range(axes)) if mirror is None else mirror,
            box_sizes=_sizes([self.prepared_boxes[index] for index in training], axes),
            mean_boxes=tuple(self._mean_box(label) for label in range(len(self.classes.names))),
        )

    def _mean_box(self, label: int) -> tuple[float, ...]:
        """Of a class in the training cases, as shares of the sides of their files."""
        shares = [
            own.boxes[own.training_labels == label] / np.tile(self.cache.geometry(index).shape, 2)
            for index, own in ((index, self.truths[index]) for index in self.indices("train"))
        ]
        every = np.concatenate(shares)
        return tuple(round(float(value), 6) for value in every.mean(axis=0)) if len(every) else ()


def _sizes(cases: Sequence[CaseBoxes], axes: int) -> tuple[tuple[float, ...], ...]:
    """Sides of the objects of some cases, evenly taken from all of them where they are many.

    Raises:
        DataError: If there is no object at all.
    """
    boxes: NDArray[np.float32] = np.concatenate(
        [own.boxes[own.training_labels != IGNORED] for own in cases]
    )
    if len(boxes) == 0:
        raise DataError("no training case has an object: there is nothing to learn to find")
    sides = boxes[:, axes:] - boxes[:, :axes]
    rows = np.linspace(0, len(sides) - 1, min(len(sides), MOST_SIZES)).round().astype(int)
    return tuple(tuple(round(float(side), 2) for side in sides[row]) for row in rows)


def _contents(table: CaseTable, cache: VolumeCache) -> ContentHashes:
    hashes = [digest.tobytes() for digest in cache.hashes]
    return {case.case_id: (own,) for case, own in zip(table.cases, hashes, strict=True)}
