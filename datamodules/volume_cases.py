"""Cases of volumes to classify: their files read together, and kept in the cache."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any, cast

import nibabel
import numpy as np
import scipy
from numpy.typing import NDArray
from skimage.filters import threshold_otsu

from datamodules.cache import CacheItem, entry_path
from datamodules.cache_entries import DamagedEntryError
from datamodules.candidates import has_volume_candidates, image_of, selected_candidate
from datamodules.case_files import CaseFiles, expected_bytes
from datamodules.cases import CaseTable, Source
from datamodules.configs.volumes import PatchesFit, ResizedFit, VolumesConfig
from datamodules.errors import DataError
from datamodules.transforms.npz_rows import forget_arrays
from datamodules.transforms.volume_candidates import CutCandidates
from datamodules.transforms.volume_preprocessing import (
    PREPROCESSING_VERSION,
    PreparedVolume,
    PreprocessVolume,
)
from datamodules.transforms.volume_reading import check_volume
from datamodules.volume import Volume
from datamodules.volume_cache import VolumeCache
from datamodules.volume_content import PreparedCase, VolumeContent, build_or_open_volumes

AXES = 3


VOLUMES_KEPT = 2
"""Prepared volumes that are kept while their candidates are cut out; a CT has 400 MB."""


class PrepareForClassifier:
    """Prepares one volume as the settings say.

    Args:
        config: Settings.
    """

    def __init__(self, config: VolumesConfig) -> None:
        self.config = config
        size = config.fit.size if isinstance(config.fit, ResizedFit) else None
        self.preprocess = PreprocessVolume(config.preprocessing, size)

    def __call__(self, volume: Volume) -> PreparedCase:
        """Prepare one volume.

        Args:
            volume: Any orientation.

        Raises:
            DataError: If it is no volume, or holds what is no number.
        """
        check_axes(volume)
        check_volume(volume)  # first: a threshold of what is no number is none
        inside = foreground(volume, self.config)
        return cast("PreparedCase", self.preprocess(volume, inside))


def check_axes(volume: Volume) -> None:
    """Refuse what is no volume.

    Raises:
        DataError: If it has other than three axes; the message is the reason only.
    """
    if len(volume.spatial) != AXES:
        raise DataError(f"it has {len(volume.spatial)} axes, and a volume has {AXES}")


def foreground(volume: Volume, config: VolumesConfig) -> NDArray[np.uint8] | None:
    """Which voxels count as foreground, uint8 ``(1, *spatial)``; None: nobody asks."""
    how = config.fit.foreground if isinstance(config.fit, PatchesFit) else "none"
    if how == "none":
        return None
    if how == "nonzero":
        return np.asarray(volume.array.any(axis=0))[None].astype(np.uint8)
    return above_otsu(volume)


def above_otsu(volume: Volume) -> NDArray[np.uint8]:
    """Where the first channel is above Otsu's threshold, uint8 ``(1, *spatial)``."""
    return np.asarray(volume.array[:1] > threshold_otsu(volume.array[0]), np.uint8)


def cache_volumes(table: CaseTable, config: VolumesConfig) -> VolumeCache:
    """Open the preprocessed volumes of a dataset, preparing them if they are not there.

    Raises:
        DataError: If files cannot be read or do not fit together; lists every one.
        ConfigError: If the cache cannot be written, or has not the space.
    """
    path = _entry_path(table, config)
    found = build_or_open_volumes(path, lambda: _content(table, config))
    forget_arrays()
    return found


def _content(table: CaseTable, config: VolumesConfig) -> VolumeContent:
    files = {case.case_id: CaseFiles(case, table.root) for case in table.cases}
    return VolumeContent(
        dataset=table.name,
        cases=[each.inputs() for each in files.values()],
        prepare=_preparation(table, config, files),
        structures=int(stores_foreground(config)),
        expected_bytes=_expected_bytes(table, config),
        advise=config.reader.advise_on_unreadable,
    )


def cached_volumes(table: CaseTable, config: VolumesConfig) -> VolumeCache | None:
    """The volumes as :func:`cache_volumes` has kept them; None: it has not."""
    try:
        return VolumeCache.open(_entry_path(table, config))
    except (DamagedEntryError, DataError):
        return None


def stores_foreground(config: VolumesConfig) -> bool:
    """Whether the foreground is kept beside the volumes."""
    return isinstance(config.fit, PatchesFit) and config.fit.foreground != "none"


def _preparation(
    table: CaseTable, config: VolumesConfig, files: dict[str, CaseFiles]
) -> Callable[[Sequence[CacheItem]], PreparedCase]:
    if not has_volume_candidates(table):
        prepare = PrepareForClassifier(config)
        return lambda items: prepare(files[items[0].case_id].read_image())
    fit = config.fit
    assert isinstance(fit, ResizedFit)  # the task has looked
    cut = CutCandidates(config.preprocessing, config.candidates, fit.size)
    volume_of = {case.case_id: tuple(map(image_of, case.inputs.values())) for case in table.cases}
    files_of = {volume_of[name]: own for name, own in files.items()}

    @lru_cache(maxsize=VOLUMES_KEPT)  # candidates of a volume mostly follow one another
    def kept(volume: tuple[Source, ...]) -> PreparedVolume:
        return cut.whole(files_of[volume].read_image())

    locks: dict[tuple[Source, ...], Lock] = {volume: Lock() for volume in files_of}

    def whole(volume: tuple[Source, ...]) -> PreparedVolume:
        with locks[volume]:  # else every thread would read the volume of its neighbour
            return kept(volume)

    def prepare_candidate(items: Sequence[CacheItem]) -> PreparedCase:
        candidate = selected_candidate(items[0].source)
        assert candidate is not None
        return cast("PreparedCase", cut(whole(volume_of[items[0].case_id]), candidate))

    return prepare_candidate


def _expected_bytes(table: CaseTable, config: VolumesConfig) -> int:
    if isinstance(config.fit, ResizedFit):
        channels = max(len(case.inputs) for case in table.cases)
        channels *= 2 if has_volume_candidates(table) else 1
        return 2 * channels * int(np.prod(config.fit.size)) * len(table.cases)
    return expected_bytes(table)


def _entry_path(table: CaseTable, config: VolumesConfig) -> Path:
    items = [item for case in table.cases for item in CaseFiles(case, table.root).inputs()]
    advise = config.reader.advise_on_unreadable
    fingerprint = _fingerprint(config, candidates=has_volume_candidates(table))
    return entry_path(items, fingerprint, (), np.float16, table.name, advise)


def _fingerprint(config: VolumesConfig, *, candidates: bool) -> dict[str, Any]:
    """Everything that stored volumes depend on: of patches only the foreground."""
    fit = config.fit
    stored: dict[str, Any] = {}
    if isinstance(fit, ResizedFit):
        stored = {"size": list(fit.size)}
    elif isinstance(fit, PatchesFit):
        stored = {"foreground": fit.foreground}
    if candidates:
        stored |= config.candidates.model_dump(mode="json")
    return {
        "version": PREPROCESSING_VERSION,
        **config.preprocessing.model_dump(mode="json"),
        **stored,
        "libraries": {"scipy": scipy.__version__, "nibabel": nibabel.__version__},
    }
