"""The cached images of a dataset, and which of them belong to which case."""

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from datamodules.cache import CacheItem, ImageCache, build_or_open
from datamodules.cache_builder import Prepare
from datamodules.candidates import has_candidates, selected_box
from datamodules.cases import CaseTable, resolve
from datamodules.configs.xrays import XraysConfig
from datamodules.transforms.xray_candidates import PreprocessCandidate
from datamodules.transforms.xray_preprocessing import (
    PREPROCESSING_VERSION,
    PreparedXray,
    PreprocessXray,
)
from datamodules.transforms.xray_reading import read_xray

FILMS_KEPT = 4
"""Decoded films that are kept while their candidates are cut out; a mammogram has 30 MB."""


def cache_xrays(table: CaseTable, config: XraysConfig) -> tuple[ImageCache, NDArray[np.int64]]:
    """Preprocess every image of every case once.

    Returns:
        The images, ``(M, size, size)``, or ``(M, 2, size, size)`` of candidates, and where those
        of each case are: int64 ``(n + 1,)``, case ``i`` having ``starts[i]`` to ``starts[i + 1]``.

    Raises:
        DataError: If images cannot be read; lists every one.
    """
    size = config.preprocessing.size
    settings = {"version": PREPROCESSING_VERSION, **config.preprocessing.stored()}
    if candidates := has_candidates(table):
        settings |= config.candidates.model_dump(mode="json")
    images = build_or_open(
        list(_items(table)),
        _of_candidates(config) if candidates else _of_images(config),
        settings,
        shape=(2, size, size) if candidates else (size, size),
        dataset=table.name,
    )
    views = [len(case.inputs) for case in table.cases]
    return images, np.concatenate([[0], np.cumsum(views)]).astype(np.int64)


def _items(table: CaseTable) -> Iterator[CacheItem]:
    for case in table.cases:
        for source in case.inputs.values():
            yield CacheItem(case.case_id, source, resolve(table.root, source.path))


def _of_images(config: XraysConfig) -> Prepare:
    preprocess = PreprocessXray(config.preprocessing)
    return lambda item: preprocess(read_xray(item.path, item.source.selector))


def _of_candidates(config: XraysConfig) -> Prepare:
    preprocess = PreprocessCandidate(config.preprocessing, config.candidates)
    read_once = lru_cache(maxsize=FILMS_KEPT)(read_xray)  # candidates of a film follow one another

    def prepare(item: CacheItem) -> PreparedXray:
        box = selected_box(item.source)
        assert box is not None
        return preprocess(read_once(item.path), box)

    return prepare
