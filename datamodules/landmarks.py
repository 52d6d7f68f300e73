"""Images and volumes with landmarks: preprocessed once, seen whole or in patches."""

import warnings
from functools import cached_property
from typing import Any

import numpy as np

from datamodules.batches import PointBatch
from datamodules.cases import CaseTable
from datamodules.configs.landmarks import LandmarksConfig
from datamodules.doctor.points import examine_points
from datamodules.errors import ConfigError, DataError
from datamodules.landmark_dataset import (
    PointPatches,
    PointPatchSettings,
    WholePointImages,
    change_windows,
)
from datamodules.landmark_info import LandmarkInfo
from datamodules.landmark_names import CasePoints, LandmarkNames
from datamodules.mask_inputs import check_first_image
from datamodules.patched import PatchedData, contents_of
from datamodules.prepared_images import cache_images, cached_images
from datamodules.splits import ContentHashes


class LandmarksData(PatchedData):
    """Images and volumes for finding landmarks.

    Patches are changed in the workers, or on the GPU where there is one. Whole cases come with
    their geometry, and with their landmarks in voxels of the file, in which everything is scored.

    Args:
        config: Settings.
        seed: Seed of the experiment.
        trained: What a trained model knew of its data, when an external dataset is to be scored.
    """

    config: LandmarksConfig

    def __init__(
        self, config: LandmarksConfig, seed: int = 0, trained: LandmarkInfo | None = None
    ) -> None:
        super().__init__(config, seed)
        self.trained = trained

    @cached_property
    def landmarks(self) -> LandmarkNames:
        """The landmarks that are asked for, or those that a trained model knows."""
        if self.trained is not None:
            return LandmarkNames.of_model(self.table, self.trained.points)
        return LandmarkNames.of(self.table, self.config)

    def check(self) -> None:
        """Look for faults that need no pixels.

        Raises:
            ConfigError: If a landmark that is asked for does not exist.
            DataError: Lists all of them.
        """
        found = examine_points(self.config, self._table, pixels=False)
        found.refuse_errors()
        self._table = found.table
        self.landmarks.swapped(self.config.swaps)
        self._check_patch(3 if _has_volumes(self.table) else 2)

    def prepare_pixels(self, table: CaseTable) -> ContentHashes:
        """Preprocess every case into the cache."""
        if self.trained is not None:
            check_first_image(table, self.trained)
        self.cache = cache_images(table, self.config.preprocessing, self.config.reader)
        self._check_patch(self.cache.shapes.shape[1])
        self.check_spacing(table)
        self._note_outside()
        return contents_of(table, self.cache)

    def _check_patch(self, axes: int) -> None:
        if len(self.config.patch) != axes:
            raise ConfigError(
                f"--data.patch has {len(self.config.patch)} numbers, and the images of"
                f" {self.table.name} have {axes} axes"
            )

    def _note_outside(self) -> None:
        lost = sum(len(own.outside) for own in self.truths)
        if lost:
            self.notices.append(
                f"Landmarks marked outside of their image, and taken as not marked: {lost}."
            )

    def kept_contents(self) -> ContentHashes | None:
        """See the base class."""
        cache = cached_images(self.table, self.config.preprocessing, self.config.reader)
        return None if cache is None else contents_of(self.table, cache)

    def indices(self, split: str) -> list[int]:
        """Positions of a split's cases; those without a landmark cannot be learned or scored."""
        cases = self.table.cases
        return [index for index in super().indices(split) if self.landmarks.annotate(cases[index])]

    @property
    def batches_per_epoch(self) -> int | None:
        """As it is set."""
        return self.config.batches_per_epoch

    @cached_property
    def truths(self) -> list[CasePoints]:
        """The landmarks of every case, in voxels of its file.

        Raises:
            DataError: If those of a case have another number of axes than its file.
        """
        return [
            self.landmarks.points_of(case, self.cache.geometry(row))
            for row, case in enumerate(self.table.cases)
        ]

    @cached_property
    def prepared_points(self) -> list[np.ndarray]:
        """The landmarks of every case, on the prepared grid, float32 ``(K, axes)``."""
        return [
            self.cache.geometry(row).prepare_points(own.points)
            for row, own in enumerate(self.truths)
        ]

    def dataset(self, *, training: bool) -> PointPatches | WholePointImages:
        """Augmented patches while training, else whole cases."""
        if not training:
            return WholePointImages(self.cache, self.prepared_points)
        return PointPatches(
            self.cache, self.prepared_points, self._patches, augmented=not self.on_gpu
        )

    @cached_property
    def _patches(self) -> PointPatchSettings:
        info = self.info
        return PointPatchSettings(self.config, self.seed, info.spacing, info.channels, info.swapped)

    def change_windows(self, batch: Any) -> PointBatch:  # noqa: ANN401
        """See the base class."""
        return change_windows(batch, batch["keys"], self._patches)

    def add_truth(self, batch: Any, index: int) -> None:  # noqa: ANN401
        """The geometry, and the landmarks in voxels of the file."""
        batch["geometry"], batch["truth"] = [self.cache.geometry(index)], [self.truths[index]]

    def facts(self) -> dict[str, Any]:
        """The data's part of a checkpoint."""
        return self.info.to_dict()

    @cached_property
    def info(self) -> LandmarkInfo:
        """What the module may know of the data; of another dataset, what it knew before."""
        if self.trained is not None:
            return self.trained
        if not self.splits:
            raise DataError("prepare() has not been called")
        training = self.indices("train")
        mirror = self.config.augmentation.mirror
        return LandmarkInfo(
            points=self.landmarks.names,
            channels=self.cache.description["channels"],
            patch=self.config.patch,
            spacing=self.median_spacing(),
            has_spacing=self.has_spacing(),
            whole=bool((self.cache.shapes[training] <= np.asarray(self.config.patch)).all()),
            mirror_axis=mirror[0] if mirror else None,
            swapped=self.landmarks.swapped(self.config.swaps),
            mean_points=self._mean_points(training),
        )

    def _mean_points(self, training: list[int]) -> tuple[tuple[float, ...], ...]:
        """Of each landmark in the training cases, as shares of the sides of their files."""
        shares = [
            self.truths[index].points / np.asarray(self.cache.geometry(index).shape)
            for index in training
        ]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # of what is nowhere marked
            means = np.nanmean(np.stack(shares).astype(np.float64), axis=0)
        return tuple(
            () if np.isnan(mean).any() else tuple(round(float(value), 6) for value in mean)
            for mean in means
        )


def _has_volumes(table: CaseTable) -> bool:
    return any("volume_points" in case.targets for case in table.cases)
