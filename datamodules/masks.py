"""Images and volumes with masks of their structures: preprocessed once, read in patches."""

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datamodules.batches import MaskBatch
from datamodules.cases import CaseTable
from datamodules.configs.masks import MasksConfig
from datamodules.data_info import SegmentationInfo
from datamodules.doctor.masks import examine_masks
from datamodules.errors import ConfigError, DataError
from datamodules.geometry_waivers import waive, waiver_notices
from datamodules.mask_cases import WAIVED_MM, MaskedCaseFiles, cache_cases, cached_cases
from datamodules.mask_dataset import MaskPatches, PatchSettings, WholeCases, augment_windows
from datamodules.mask_inputs import check_first_image
from datamodules.patched import PatchedData, contents_of
from datamodules.splits import ContentHashes
from datamodules.structures import Outlines


class MasksData(PatchedData):
    """Images and volumes for segmentation.

    Patches are changed in the workers, or on the GPU where there is one. While a module is fitted,
    cases are given as they are stored, on the preprocessed grid. At any other time a batch also has
    the case's geometry and its mask as the files have it, so that figures are of the original
    (unless they are asked for on the preprocessed grid).

    Args:
        config: Settings.
        seed: Seed of the experiment.
        trained: What a trained model knew of its data, when an external dataset is to be scored.
    """

    config: MasksConfig

    def __init__(
        self, config: MasksConfig, seed: int = 0, trained: SegmentationInfo | None = None
    ) -> None:
        super().__init__(config, seed)
        self.trained = trained

    @cached_property
    def outlines(self) -> Outlines:
        """The structures that are asked for, or those that a trained model knows."""
        if self.trained is not None:
            return Outlines.of_model(self.table, self.trained.labels.names)
        return Outlines.of(self.table, self.config.structures)

    def arrange(self, table: CaseTable) -> CaseTable:
        """Mark the cases whose headers do not count.

        Raises:
            ConfigError: If there is no such case.
        """
        marked, unknown = waive(table, self.config.geometry_waivers)
        if unknown:
            raise ConfigError("\n".join(unknown))
        return marked

    def check(self) -> None:
        """Look for faults that need no pixels.

        Raises:
            ConfigError: If a structure that is asked for does not exist.
            DataError: Lists all of them.
        """
        examine_masks(self.config, self.table, pixels=False).refuse_errors()

    def prepare_pixels(self, table: CaseTable) -> ContentHashes:
        """Preprocess every case into the cache."""
        if self.trained is not None:
            self.notices += self.outlines.caveats(table, self.trained.labels)
            check_first_image(table, self.trained)
        self.cache = cache_cases(table, self.config, self.outlines)
        self.notices += waiver_notices(self.cache.description.get(WAIVED_MM, {}))
        axes = self.cache.shapes.shape[1]
        if len(self.config.patch) > axes:
            raise ConfigError(
                f"--data.patch has {len(self.config.patch)} numbers, and the images of"
                f" {table.name} have {axes} axes"
            )
        self.check_spacing(table)
        return contents_of(table, self.cache)

    def kept_contents(self) -> ContentHashes | None:
        """See the base class."""
        cache = cached_cases(self.table, self.config, self.outlines)
        return None if cache is None else contents_of(self.table, cache)

    def indices(self, split: str) -> list[int]:
        """Positions of a split's cases; those without a mask can be neither learned nor scored."""
        cases = self.table.cases
        return [index for index in super().indices(split) if self.outlines.annotate(cases[index])]

    @property
    def batches_per_epoch(self) -> int | None:
        """As it is set."""
        return self.config.batches_per_epoch

    def dataset(self, *, training: bool) -> MaskPatches | WholeCases:
        """Augmented patches while training, else whole cases."""
        if not training:
            return WholeCases(self.cache)
        return MaskPatches(self.cache, self._patches, augmented=not self.on_gpu)

    @cached_property
    def _patches(self) -> PatchSettings:
        info = self.info
        return PatchSettings(
            self.config, self.seed, info.patch_spacing, info.slice_axis, info.channels
        )

    @property
    def spacing(self) -> tuple[float, ...]:
        """Of the stored volumes in mm: as it is set, else the median over training cases."""
        if self.config.preprocessing.spacing_mm is not None:
            return self.config.preprocessing.spacing_mm
        return self.median_spacing()

    def change_windows(self, batch: Any) -> MaskBatch:  # noqa: ANN401
        """See the base class."""
        return augment_windows(batch, batch["keys"], self._patches)

    def add_truth(self, batch: Any, index: int) -> None:  # noqa: ANN401
        """Outside of fitting the geometry and the mask of the original."""
        if self.trainer is not None and self.trainer.state.fn == "fit":
            return
        geometry = self.cache.geometry(index)
        if self.config.scored_on == "prepared":
            batch["geometry"] = [geometry.prepared()]
        else:
            batch["geometry"], batch["truth"] = [geometry], [self._truth(index)]

    def _truth(self, index: int) -> NDArray[np.uint8] | None:
        """The mask of a case on the grid of its files, ``(M, *spatial)``; None: it has none."""
        geometry = self.cache.geometry(index)
        grid = geometry.as_volume(np.empty((0, *geometry.shape), np.uint8))
        files = MaskedCaseFiles(self.table.cases[index], self.table.root)
        return files.read_mask(self.outlines, grid)

    def facts(self) -> dict[str, Any]:
        """The data's part of a checkpoint."""
        return self.info.to_dict()

    @property
    def info(self) -> SegmentationInfo:
        """What the module may know of the data; of another dataset, what it knew before."""
        if self.trained is not None:
            return self.trained
        if not self.splits:
            raise DataError("prepare() has not been called")
        mirror = self.config.augmentation.mirror
        return SegmentationInfo(
            labels=self.outlines.labels,
            channels=self.cache.description["channels"],
            patch=self.config.patch,
            spacing=self.spacing,
            has_spacing=self.has_spacing(),
            mirror_axes=tuple(range(len(self.config.patch))) if mirror is None else mirror,
        )
