"""Images without masks, preprocessed once into the cache."""

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import nibabel
import numpy as np
import scipy

from datamodules.cache import CacheItem, entry_path
from datamodules.cache_entries import DamagedEntryError
from datamodules.case_files import CaseFiles, expected_bytes
from datamodules.cases import CaseTable
from datamodules.configs.volume_preprocessing import VolumePreprocessing
from datamodules.errors import DataError
from datamodules.readers.reader import ReaderSettings
from datamodules.transforms.volume_preprocessing import PREPROCESSING_VERSION, PreprocessVolume
from datamodules.volume_cache import VolumeCache
from datamodules.volume_content import PreparedCase, VolumeContent, build_or_open_volumes


def cache_images(
    table: CaseTable, preprocessing: VolumePreprocessing, reader: ReaderSettings
) -> VolumeCache:
    """Open the preprocessed images of a dataset, preparing them if they are not there.

    Raises:
        DataError: If files cannot be read or do not fit together; lists every one.
        ConfigError: If the cache cannot be written, or has not the space.
    """
    files = {case.case_id: CaseFiles(case, table.root) for case in table.cases}
    preprocess = PreprocessVolume(preprocessing)

    def prepare(own: Sequence[CacheItem]) -> PreparedCase:
        return cast("PreparedCase", preprocess(files[own[0].case_id].read_image()))

    def content() -> VolumeContent:
        return VolumeContent(
            dataset=table.name,
            cases=[each.inputs() for each in files.values()],
            prepare=prepare,
            structures=0,
            expected_bytes=expected_bytes(table),
            advise=reader.advise_on_unreadable,
            facts=dict,
        )

    return build_or_open_volumes(_entry_path(table, preprocessing, reader), content)


def cached_images(
    table: CaseTable, preprocessing: VolumePreprocessing, reader: ReaderSettings
) -> VolumeCache | None:
    """The images as :func:`cache_images` has kept them; None: it has not."""
    try:
        return VolumeCache.open(_entry_path(table, preprocessing, reader))
    except (DamagedEntryError, DataError):
        return None


def _entry_path(
    table: CaseTable, preprocessing: VolumePreprocessing, reader: ReaderSettings
) -> Path:
    items = [item for case in table.cases for item in CaseFiles(case, table.root).inputs()]
    fingerprint = {
        "version": PREPROCESSING_VERSION,
        **preprocessing.model_dump(mode="json"),
        "content": "images",
        "libraries": {"scipy": scipy.__version__, "nibabel": nibabel.__version__},
    }
    return entry_path(items, fingerprint, (), np.float16, table.name, reader.advise_on_unreadable)
