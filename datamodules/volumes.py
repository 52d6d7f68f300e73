"""Volumes with their labels: preprocessed once into a memory map, seen whole or in patches."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch.nn.functional import adaptive_avg_pool3d

from datamodules.anatomical_planes import grey_panel, panel
from datamodules.candidates import has_volume_candidates
from datamodules.cases import CaseTable
from datamodules.configs.volumes import VolumesConfig
from datamodules.data_info import DataInfo
from datamodules.doctor.volumes import examine_volumes
from datamodules.errors import DataError
from datamodules.image_measures import ImageMeasures
from datamodules.labelled import LabelledData, Picture
from datamodules.splits import ContentHashes
from datamodules.table_features import Value
from datamodules.transforms.volume_geometry import VolumeGeometry
from datamodules.volume_cache import VolumeCache
from datamodules.volume_cases import cache_volumes, cached_volumes
from datamodules.volume_dataset import VolumeDataset, VolumeView, augment_volumes
from datamodules.volume_measures import AXES, VOLUMES, measure_volume
from datamodules.windows import stitch

THUMBNAIL = 12
"""Sides of a thumbnail in voxels."""
MOST_IN_PATCHES = 200
"""Cases of a split that say what training data are like, where each is many patches to look at."""


class VolumesData(LabelledData):
    """Volumes for classification.

    Volumes are changed in the workers, or on the GPU where there is one.

    Args:
        config: Settings.
        seed: Seed of the experiment.
        trained: What a trained model knew of its data, when an external dataset is to be scored.
    """

    config: VolumesConfig
    case_noun = "volume"
    thumbnail = f"thumbnail of {THUMBNAIL} x {THUMBNAIL} x {THUMBNAIL} voxels"
    image_kind = VOLUMES
    cache: VolumeCache

    def __init__(
        self, config: VolumesConfig, seed: int = 0, trained: DataInfo | None = None
    ) -> None:
        super().__init__(config, seed, trained)

    def check(self) -> None:
        """Look for faults of labels and splits that need no pixels.

        Raises:
            ConfigError: If a label or an attribute that is asked for does not exist.
            DataError: Lists all of them.
        """
        found = examine_volumes(self.config, self._table, pixels=False, labels=self.labels)
        found.refuse_errors()
        self._table = found.table

    def prepare_images(self, table: CaseTable) -> ContentHashes:
        """Build the cache of volumes."""
        self.cache = cache_volumes(table, self.config)
        channels = self.image_shape[0]
        if self.trained is not None and channels != self.trained.channels:
            raise DataError(
                f"volumes of {table.name} have {channels} channels, and the model takes"
                f" {self.trained.channels}"
            )
        return _contents(table, self.cache)

    def kept_contents(self) -> ContentHashes | None:
        """See the base class."""
        cache = cached_volumes(self.table, self.config)
        return None if cache is None else _contents(self.table, cache)

    @cached_property
    def has_candidates(self) -> bool:
        """See the base class."""
        return has_volume_candidates(self.table)

    @property
    def image_shape(self) -> tuple[int, ...]:
        """See the base class; context and detail of a candidate have equal shapes."""
        stored = self.cache.description["channels"]
        return (stored // 2 if self.has_candidates else stored, *self.config.fit.size)

    @property
    def mirror_axes(self) -> tuple[int, ...]:
        """See the base class."""
        mirror = self.config.augmentation.mirror
        return (0, 1, 2) if mirror is None else mirror

    @property
    def evaluation_batch_size(self) -> int:
        """One volume at a time where it is seen in patches, of which it may have hundreds."""
        return 1 if self.config.fit.kind == "patches" else self.config.batch_size

    def caches(self) -> Sequence[VolumeCache]:
        """The volumes."""
        return (self.cache,)

    def image_of(self, index: int) -> np.ndarray:
        """The stored volume of a case, float16 ``(C, *spatial)``, mapped."""
        return self.cache.image(index)

    def geometry_of(self, index: int) -> VolumeGeometry:
        """How the stored volume of a case was made from its files."""
        return self.cache.geometry(index)

    def measures_of(self, index: int) -> list[tuple[ImageMeasures, Value]]:
        """See the base class; of a candidate its context."""
        image = self.image_of(index)[: self.image_shape[0]]
        return [(measure_volume(image, self.geometry_of(index)), None)]

    @property
    def most_judged(self) -> int:
        """See the base class."""
        return MOST_IN_PATCHES if self.config.fit.kind == "patches" else super().most_judged

    def thumbnail_of(self, index: int) -> np.ndarray:
        """See the base class."""
        image = torch.from_numpy(np.asarray(self.image_of(index), np.float32))
        return adaptive_avg_pool3d(image, THUMBNAIL).flatten().numpy()

    def original_size(self, index: int) -> dict[str, Value]:
        """See the base class: voxels of the file and their spacing, along canonical axes."""
        geometry = VolumeGeometry.of(self.geometry_of(index).as_volume(self._no_voxels(index)))
        sizes: dict[str, Value] = {"format": " x ".join(map(str, geometry.cropped))}
        for axis, voxels, length in zip(AXES, geometry.cropped, geometry.spacing, strict=True):
            sizes |= {axis: voxels, f"{axis} spacing": round(length, 3)}
        return sizes

    def _no_voxels(self, index: int) -> np.ndarray:
        return np.empty((0, *self.geometry_of(index).shape), np.uint8)

    def picture_of(self, index: int, evidence: np.ndarray | None = None) -> Picture:
        """See the base class: three planes, through the strongest evidence, else the middle."""
        image = self.image_of(index)[0]
        at = [side // 2 for side in image.shape]
        if evidence is not None and evidence.any():
            at = [int(place) for place in np.unravel_index(int(evidence.argmax()), evidence.shape)]
        spacing = self.geometry_of(index).spacing
        shown = None if evidence is None else panel(evidence, at, spacing)
        return Picture(grey_panel(image, at, spacing), shown)

    def evidence_of(self, index: int, maps: np.ndarray) -> np.ndarray:
        """See the base class; of a candidate over its context."""
        starts = self.dataset(training=False).starts(index)
        return stitch(maps, starts, self.cache.shapes[index])

    def dataset(self, *, training: bool) -> VolumeDataset:
        """Volumes or patches from the cache, augmented while training."""
        return VolumeDataset(
            self.cache,
            self.targets,
            self.table_rows,
            self._view,
            training=training,
            augmented=not self._on_gpu,
        )

    @property
    def _on_gpu(self) -> bool:
        return self.trainer is not None and self.trainer.strategy.root_device.type == "cuda"

    @cached_property
    def _view(self) -> VolumeView:
        channels = self.cache.description["channels"]
        return VolumeView(self.config, self.seed, self.spacing, channels, self.has_candidates)

    @property
    def spacing(self) -> tuple[float, ...]:
        """Of the stored volumes in mm: the median over training cases."""
        own = [self.cache.geometry(index).spacing for index in self.indices("train")]
        return tuple(float(value) for value in np.median(own or [(1.0,) * 3], axis=0))

    def on_before_batch_transfer(self, batch: Any, dataloader_idx: int) -> Any:  # noqa: ANN401
        """Add ids, and to windows the key of each, which the device is not asked for."""
        batch = super().on_before_batch_transfer(batch, dataloader_idx)
        if "images" in batch:
            draws = zip(batch["epoch"].tolist(), batch["draw"].tolist(), strict=True)
            batch["keys"] = list(draws)
        return batch

    def transfer_batch_to_device(
        self,
        batch: Any,  # noqa: ANN401
        device: torch.device,
        dataloader_idx: int,
    ) -> Any:  # noqa: ANN401
        """Move the tensors."""
        aside = {name: batch.pop(name) for name in ("keys",) if name in batch}
        return {**super().transfer_batch_to_device(batch, device, dataloader_idx), **aside}

    def on_after_batch_transfer(self, batch: Any, dataloader_idx: int) -> Any:  # noqa: ANN401
        """Change training volumes on a GPU, where they are by now."""
        del dataloader_idx
        if "images" not in batch:
            return batch
        ids = {name: batch.pop(name) for name in ("case_id", "patient_id")}
        return {**augment_volumes(batch, batch.pop("keys"), self._view), **ids}


def _contents(table: CaseTable, cache: VolumeCache) -> ContentHashes:
    hashes = [digest.tobytes() for digest in cache.hashes]
    return {case.case_id: (own,) for case, own in zip(table.cases, hashes, strict=True)}
