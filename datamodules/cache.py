"""The memory-mapped image cache: films are decoded once, and read from a map in every epoch.

An entry is named by everything that it depends on, built by one process under a lock in a folder
of its own, and renamed when it is whole: an entry that exists under its name can be read.
"""

import hashlib
import json
import re
import zlib
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import PIL
from numpy.typing import DTypeLike

from datamodules.cache_builder import Advise, CacheBuilder, CacheItem, refuse_unreadable
from datamodules.cache_entries import (
    FORMAT,
    NAME_BYTES,
    CacheEntry,
    DamagedEntryError,
    cache_root,
    list_entries,
    prune,
)
from datamodules.cases import Source, resolve
from datamodules.errors import DataError
from datamodules.image_cache import ImageCache, ImageContent, Prepare

__all__ = [
    "CacheEntry",
    "CacheItem",
    "ImageCache",
    "build_or_open",
    "cache_root",
    "file_identity",
    "list_entries",
    "prune",
]

DICOM_DECODERS = ("python-gdcm", "pylibjpeg", "pylibjpeg-libjpeg", "pylibjpeg-openjpeg")
"""What pydicom decodes compressed films with, where installed; another may round otherwise."""
TIFF_DECODERS = ("tifffile", "imagecodecs")
"""What volumes are decoded with; other entries stay valid when these change."""
TIFF_ENDINGS = (".tif", ".tiff")


def build_or_open(
    items: Sequence[CacheItem],
    prepare: Prepare,
    fingerprint: dict[str, Any],
    shape: tuple[int, ...],
    dtype: DTypeLike = np.uint8,
    threads: int | None = None,
    progress: bool = True,
    dataset: str = "images",
    advise: Advise = lambda _: "",
) -> ImageCache:
    """Open the entry of these items, building it if it is not there.

    Args:
        items: What is cached, in this order.
        prepare: Reads and preprocesses one item; called from several threads; raises DataError,
            whose message is the reason only.
        fingerprint: What ``prepare`` depends on (preprocessing settings), as JSON-compatible data.
        shape: Of one image.
        dtype: Of the images.
        threads: Threads that decode; None: one a core that this process may use.
        progress: Show a progress bar; a line every 10 % when stderr is no terminal.
        dataset: Its name is the name of the entry's folder, and stands in ``entry.json``.
        advise: What to do about images that cannot be read, given their paths.

    Returns:
        The finished entry.

    Raises:
        DataError: If an item cannot be read; every one is listed, and nothing is cached.
        ConfigError: If the cache cannot be written, or has not the space.
    """
    if not items:
        raise DataError(f"dataset '{dataset}' has no images")
    path = entry_path(items, fingerprint, shape, dtype, dataset, advise)
    try:
        return ImageCache.open(path)  # takes no lock: finished entries do not change
    except DamagedEntryError:
        content = ImageContent(
            dataset, items, prepare, shape, np.dtype(dtype), threads, progress, advise
        )
        return CacheBuilder(path, content, ImageCache).build()


def entry_path(
    items: Sequence[CacheItem],
    fingerprint: dict[str, Any],
    shape: tuple[int, ...],
    dtype: DTypeLike = np.uint8,
    dataset: str = "images",
    advise: Advise = lambda _: "",
) -> Path:
    """Where the entry of these items lies, or would; arguments as of :func:`build_or_open`.

    Raises:
        DataError: If a file is not there; lists every one.
    """
    settings = {**fingerprint, "shape": list(shape), "dtype": np.dtype(dtype).name}
    folder = re.sub(r"[^\w.-]", "_", dataset).strip(".") or "images"
    return cache_root() / folder / _entry_name(items, settings, advise)


def file_identity(root: Path, source: Source) -> tuple[int, int]:
    """Size in bytes and time of change in ns of a source's file: what stands for its content.

    Raises:
        DataError: If the path leaves the root, or if there is no such file.
    """
    return _identity(resolve(root, source.path))


def _identity(path: Path) -> tuple[int, int]:
    try:
        if path.is_dir():  # a series: all of its files, which may lie deeper
            files = sorted(each for each in path.rglob("*") if each.is_file())
            own = [(each.relative_to(path).as_posix(), each.stat()) for each in files]
            names = "".join(f"{name} {stat.st_size} {stat.st_mtime_ns}\n" for name, stat in own)
            return sum(stat.st_size for _, stat in own), zlib.crc32(names.encode())
        stat = path.stat()
    except FileNotFoundError as error:
        raise DataError("there is no such file") from error
    except OSError as error:
        raise DataError(f"it cannot be read: {error.strerror}") from error
    return stat.st_size, stat.st_mtime_ns


def _installed(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _entry_name(items: Sequence[CacheItem], settings: dict[str, Any], advise: Advise) -> str:
    """SHA-256 over all that the entry depends on: settings, versions, and every item's file."""
    modules = {"numpy": np, "opencv": cv2, "pillow": PIL}
    versions = {name: module.__version__ for name, module in modules.items()}
    decoders = ["pydicom", *DICOM_DECODERS]
    if any(item.path.name.lower().endswith(TIFF_ENDINGS) for item in items):
        decoders += TIFF_DECODERS
    versions |= {name: _installed(name) for name in decoders}
    digest = hashlib.sha256(json.dumps([FORMAT, settings, versions], sort_keys=True).encode())
    identities: dict[Path, tuple[int, int]] = {}
    faults: dict[CacheItem, str] = {}
    for item in items:
        try:
            if item.path not in identities:  # thousands of cases may share one npz file
                identities[item.path] = _identity(item.path)
        except DataError as error:
            faults[item] = str(error)
            continue
        key = [item.case_id, item.source.path, item.source.selector, *identities[item.path]]
        key += [] if item.spacing_mm is None else map(str, item.spacing_mm)
        digest.update(json.dumps(key).encode())
    refuse_unreadable(faults, len(items), advise)
    return digest.hexdigest()[: 2 * NAME_BYTES]
