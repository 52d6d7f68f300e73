"""The cached images of a dataset, and which of them belong to which case."""

from collections import defaultdict
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datamodules.cache import CacheItem, build_or_open, entry_path
from datamodules.cache_entries import DamagedEntryError
from datamodules.candidates import has_candidates, selected_box
from datamodules.cases import CaseTable, resolve
from datamodules.configs.xrays import XraysConfig
from datamodules.errors import DataError
from datamodules.image_cache import ImageCache, Prepare
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
        DataError: If images cannot be read; lists every one. If a case has several channels.
    """
    if config.unit == "image" and any(len(case.inputs) > 1 for case in table.cases):
        raise DataError(
            f"the cases of {table.name} have several channels, and an X-ray has one: leave out "
            "--data.reader.channel-columns"
        )
    images = build_or_open(
        list(_items(table)),
        _of_candidates(config) if has_candidates(table) else _of_images(config),
        _settings(table, config),
        shape=_shape(table, config),
        dataset=table.name,
        advise=config.reader.advise_on_unreadable,
    )
    views = [len(case.inputs) for case in table.cases]
    return images, np.concatenate([[0], np.cumsum(views)]).astype(np.int64)


def cached_hashes(table: CaseTable, config: XraysConfig) -> dict[str, tuple[bytes, ...]] | None:
    """Hashes of each case's films as :func:`cache_xrays` has kept them; None: it has not."""
    items = list(_items(table))
    settings, shape = _settings(table, config), _shape(table, config)
    try:
        cache = ImageCache.open(entry_path(items, settings, shape, dataset=table.name))
    except (DamagedEntryError, DataError):
        return None
    hashes: dict[str, tuple[bytes, ...]] = defaultdict(tuple)
    for item, digest in zip(items, cache.hashes, strict=True):
        hashes[item.case_id] += (digest.tobytes(),)
    return hashes


def _settings(table: CaseTable, config: XraysConfig) -> dict[str, Any]:
    settings = {"version": PREPROCESSING_VERSION, **config.preprocessing.stored()}
    if has_candidates(table):
        settings |= config.candidates.model_dump(mode="json")
    return settings


def _shape(table: CaseTable, config: XraysConfig) -> tuple[int, ...]:
    size = config.preprocessing.size
    return (2, size, size) if has_candidates(table) else (size, size)


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
