"""Images and volumes with masks of their structures: preprocessed once, read in patches."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from datamodules.base import TaskDataModule
from datamodules.cases import CaseTable
from datamodules.configs.masks import MasksConfig
from datamodules.data_info import SegmentationInfo
from datamodules.doctor.masks import examine_masks
from datamodules.errors import ConfigError, DataError
from datamodules.geometry_waivers import waive, waiver_notices
from datamodules.mask_cases import WAIVED_MM, MaskedCaseFiles, cache_cases, cached_cases
from datamodules.mask_dataset import MaskPatches, PatchSettings, WholeCases, augment_windows
from datamodules.mask_inputs import check_first_image
from datamodules.splits import ContentHashes
from datamodules.structures import Outlines
from datamodules.volume_cache import VolumeCache

ASIDE = ("geometry", "truth", "keys")
"""What of a batch is not a tensor, and stays where it is."""


class MasksData(TaskDataModule):
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
        self.cache: VolumeCache

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
        self._check_spacing(table)
        return _contents(table, self.cache)

    def kept_contents(self) -> ContentHashes | None:
        """See the base class."""
        cache = cached_cases(self.table, self.config, self.outlines)
        return None if cache is None else _contents(self.table, cache)

    def _check_spacing(self, table: CaseTable) -> None:
        """Lengths of all cases must be in one unit."""
        said = [self.cache.geometry(row).has_spacing for row in range(len(self.cache))]
        if all(said) or not any(said):
            return
        rarer = sum(said) * 2 < len(said)
        which = "say" if rarer else "do not say"
        odd = [case.case_id for case, own in zip(table.cases, said, strict=True) if own is rarer]
        raise DataError(
            f"these images {which} how large their pixels are, and the others"
            f" {'do not' if rarer else 'do'}; lengths and scale need one unit",
            odd,
        )

    def caches(self) -> Sequence[VolumeCache]:
        """The volumes."""
        return (self.cache,)

    def indices(self, split: str) -> list[int]:
        """Positions of a split's cases; those without a mask can be neither learned nor scored."""
        cases = self.table.cases
        return [index for index in super().indices(split) if self.outlines.annotate(cases[index])]

    @property
    def batches_per_epoch(self) -> int | None:
        """As it is set."""
        return self.config.batches_per_epoch

    @property
    def evaluation_batch_size(self) -> int:
        """Cases differ in size: one at a time."""
        return 1

    def dataset(self, *, training: bool) -> MaskPatches | WholeCases:
        """Augmented patches while training, else whole cases."""
        if not training:
            return WholeCases(self.cache)
        return MaskPatches(self.cache, self._patches, augmented=not self._on_gpu)

    @property
    def _on_gpu(self) -> bool:
        return self.trainer is not None and self.trainer.strategy.root_device.type == "cuda"

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
        own = [self.cache.geometry(index).spacing for index in self.indices("train")]
        return tuple(float(value) for value in np.median(own, axis=0))

    def on_before_batch_transfer(self, batch: Any, dataloader_idx: int) -> Any:  # noqa: ANN401
        """Add ids, and outside of fitting the geometry and the mask of the original."""
        batch = super().on_before_batch_transfer(batch, dataloader_idx)
        if "images" in batch:
            draws = zip(batch["epoch"].tolist(), batch["draw"].tolist(), strict=True)
            batch["keys"] = list(draws)
            return batch
        if self.trainer is None or self.trainer.state.fn != "fit":
            (index,) = batch["index"].tolist()
            geometry = self.cache.geometry(index)
            if self.config.scored_on == "prepared":
                batch["geometry"] = [geometry.prepared()]
            else:
                batch["geometry"], batch["truth"] = [geometry], [self._truth(index)]
        return batch

    def _truth(self, index: int) -> NDArray[np.uint8] | None:
        """The mask of a case on the grid of its files, ``(M, *spatial)``; None: it has none."""
        geometry = self.cache.geometry(index)
        grid = geometry.as_volume(np.empty((0, *geometry.shape), np.uint8))
        files = MaskedCaseFiles(self.table.cases[index], self.table.root)
        return files.read_mask(self.outlines, grid)

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
        return {**augment_windows(batch, batch["keys"], self._patches), **ids}

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
            has_spacing=all(
                self.cache.geometry(index).has_spacing for index in self.indices("train")
            ),
            mirror_axes=tuple(range(len(self.config.patch))) if mirror is None else mirror,
        )


def _contents(table: CaseTable, cache: VolumeCache) -> ContentHashes:
    hashes = [digest.tobytes() for digest in cache.hashes]
    return {case.case_id: (own,) for case, own in zip(table.cases, hashes, strict=True)}
