"""Images and volumes with boxes around objects: preprocessed once, seen whole or in patches."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datamodules.batches import BoxBatch
from datamodules.box_cases import (
    IGNORED,
    CaseBoxes,
    ObjectClasses,
    boxes_of_case,
    cache_images,
    cached_images,
)
from datamodules.box_dataset import BoxPatches, BoxPatchSettings, WholeImages, change_windows
from datamodules.box_statistics import Sides, evenly
from datamodules.cases import CaseTable
from datamodules.configs.boxes import BoxesConfig
from datamodules.data_info import DetectionInfo
from datamodules.doctor.boxes import examine_boxes
from datamodules.errors import ConfigError, DataError
from datamodules.mask_inputs import check_first_image
from datamodules.patched import PatchedData, contents_of
from datamodules.splits import ContentHashes


class BoxesData(PatchedData):
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
        if self.classes.outlines is None:
            self._check_patch(self.classes.axes_of(self.table))

    def prepare_pixels(self, table: CaseTable) -> ContentHashes:
        """Preprocess every case into the cache."""
        if self.trained is not None:
            check_first_image(table, self.trained)
        self.cache = cache_images(table, self.config, self.classes)
        self._check_patch(self.cache.shapes.shape[1])
        self.check_spacing(table)
        self._check_places(table)
        return contents_of(table, self.cache)

    def _check_patch(self, axes: int | None) -> None:
        if axes is not None and len(self.config.patch) != axes:
            raise ConfigError(
                f"--data.patch has {len(self.config.patch)} numbers, and the images of"
                f" {self.table.name} have {axes} axes"
            )

    def _check_places(self, table: CaseTable) -> None:
        """Boxes must lie in their images, of which the sizes are known now.

        Raises:
            DataError: Lists every box that lies outside, and every case whose boxes do not fit it.
        """
        if self.classes.outlines is not None:
            return
        problems = [
            problem
            for row, case in enumerate(table.cases)
            for problem in self.classes.problems_of(case, self.cache.geometry(row))
        ]
        if errors := [each for each in problems if each.severity == "error"]:
            raise DataError(f"boxes of {table.name} do not lie in their images", errors)
        if problems:
            self.notices.append(
                f"Boxes that reach beyond the edge of their image: {len(problems)}."
            )

    def kept_contents(self) -> ContentHashes | None:
        """See the base class."""
        cache = cached_images(self.table, self.config, self.classes)
        return None if cache is None else contents_of(self.table, cache)

    def indices(self, split: str) -> list[int]:
        """Positions of a split's cases; those without annotation cannot be learned or scored."""
        cases = self.table.cases
        return [index for index in super().indices(split) if self.classes.annotate(cases[index])]

    @property
    def batches_per_epoch(self) -> int | None:
        """As it is set."""
        return self.config.batches_per_epoch

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
        return BoxPatches(self.cache, self.prepared_boxes, self._patches, augmented=not self.on_gpu)

    @cached_property
    def _patches(self) -> BoxPatchSettings:
        info = self.info
        return BoxPatchSettings(self.config, self.seed, info.spacing, info.channels)

    def change_windows(self, batch: Any) -> BoxBatch:  # noqa: ANN401
        """See the base class."""
        return change_windows(batch, batch["keys"], self._patches)

    def add_truth(self, batch: Any, index: int) -> None:  # noqa: ANN401
        """The geometry, and the boxes in voxels of the file."""
        batch["geometry"], batch["truth"] = [self.cache.geometry(index)], [self.truths[index]]

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
        return DetectionInfo(
            classes=self.classes.names,
            channels=self.cache.description["channels"],
            patch=self.config.patch,
            spacing=self.median_spacing(),
            has_spacing=self.has_spacing(),
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


def _sizes(cases: Sequence[CaseBoxes], axes: int) -> Sides:
    """Sides of the objects of some cases, evenly taken from all of them where they are many.

    Raises:
        DataError: If there is no object at all.
    """
    boxes: NDArray[np.float32] = np.concatenate(
        [own.boxes[own.training_labels != IGNORED] for own in cases]
    )
    if len(boxes) == 0:
        raise DataError("no training case has an object: there is nothing to learn to find")
    return evenly(boxes[:, axes:] - boxes[:, :axes])
