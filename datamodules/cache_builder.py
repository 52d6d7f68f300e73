"""Builds one entry of the image cache, whole or not at all."""

import errno
import logging
import secrets
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from datamodules.cache_entries import (
    GEOMETRIES,
    HASHES,
    IMAGES,
    LOCK_SUFFIX,
    PARTIAL_SUFFIX,
    DamagedEntryError,
    ImageCache,
    discard,
    remove_partial,
    write_description,
)
from datamodules.cache_lock import builder_lock
from datamodules.cases import Source
from datamodules.errors import ConfigError, DataError
from datamodules.parallel import map_in_order, shown
from datamodules.whole_files import sync

LOG = logging.getLogger("lightbox")
SPARE_BYTES = 1_000_000
SPARE_BYTES_AN_ITEM = 200
OUT_OF_SPACE = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True, slots=True)
class CacheItem:
    """One film to cache: its case, where it lies, and that path on this machine."""

    case_id: str
    source: Source
    path: Path

    def __str__(self) -> str:
        return f"case '{self.case_id}' (file {self.source})"


class Geometric(Protocol):
    """A geometry that is plain numbers."""

    def to_dict(self) -> dict[str, Any]:
        """The numbers by name, always the same names."""


class Prepared(Protocol):
    """What preparing one item gives, such as a ``PreparedXray``."""

    @property
    def image(self) -> NDArray[Any]:
        """The image, of the entry's shape and dtype."""

    @property
    def geometry(self) -> Geometric:
        """Where its pixels lie in the original."""

    @property
    def content_hash(self) -> bytes:
        """Of the decoded original, 16 bytes."""


Prepare = Callable[[CacheItem], Prepared]
Advise = Callable[[Sequence[str]], str]
"""What to do about images that cannot be read, by their paths; empty where there is nothing."""


@dataclass(frozen=True, slots=True)
class CacheBuilder:
    """Builds one entry; ``build_or_open`` says what the fields are."""

    path: Path
    dataset: str
    items: Sequence[CacheItem]
    prepare: Prepare
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    threads: int | None
    progress: bool
    advise: Advise

    def build(self) -> ImageCache:
        """Build under the lock, unless somebody else did while we waited for it."""
        _make_folder(self.path.parent)
        with builder_lock(self.path.with_name(self.path.name + LOCK_SUFFIX)):
            if (finished := self._open()) is not None:
                return finished
            remove_partial(self.path)
            self._check_space()
            partial = self.path.with_name(
                f"{self.path.name}.{secrets.token_hex(4)}{PARTIAL_SUFFIX}"
            )
            try:
                partial.mkdir()
                self._fill(partial)
                self._publish(partial)
            except OSError as error:
                raise self._cannot_write(error) from error
            finally:
                shutil.rmtree(partial, ignore_errors=True)
            return ImageCache.open(self.path)

    def _open(self) -> ImageCache | None:
        try:
            return ImageCache.open(self.path)
        except DamagedEntryError as error:
            if self.path.is_dir():
                LOG.warning("the image cache of '%s' is built again: %s", self.dataset, error)
                discard(self.path)
            return None

    @property
    def _bytes(self) -> int:
        an_item = int(np.prod(self.shape)) * self.dtype.itemsize + SPARE_BYTES_AN_ITEM
        return len(self.items) * an_item + SPARE_BYTES

    def _check_space(self) -> None:
        free = shutil.disk_usage(self.path.parent).free
        if free < self._bytes:
            raise ConfigError(self._no_space(f"{free / 1e9:.2f} GB are free"))

    def _no_space(self, what: str) -> str:
        return (
            f"the image cache needs {self._bytes / 1e9:.2f} GB in {self.path.parent}, where {what};"
            " free some space, or set LIGHTBOX_CACHE to a folder on a larger disk"
        )

    def _cannot_write(self, error: OSError) -> ConfigError:
        if error.errno in OUT_OF_SPACE:
            return ConfigError(self._no_space("the disk or a quota is full"))
        return ConfigError(f"cannot write the image cache {self.path.parent}: {error.strerror}")

    def _fill(self, partial: Path) -> None:
        """Prepare every item and write the entry's files, each synced to the disk."""
        count = len(self.items)
        hashes, geometries, faults = [], [], dict[CacheItem, str]()
        with (partial / IMAGES).open("wb") as file:
            header = {"shape": (count, *self.shape), "fortran_order": False}
            descr = np.lib.format.dtype_to_descr(self.dtype)
            np.lib.format.write_array_header_1_0(file, {**header, "descr": descr})
            results = map_in_order(self._prepare_one, self.items, self.threads)
            title = f"Preparing {self.dataset}"
            each = shown(results, title, count, progress=self.progress)
            for item, result in zip(self.items, each, strict=True):
                if isinstance(result, str):
                    faults[item] = result
                elif not faults:
                    file.write(self._checked(result.image))
                    hashes.append(np.frombuffer(result.content_hash, np.uint8))
                    geometries.append(result.geometry.to_dict())
            refuse_unreadable(faults, count, self.advise)
        np.save(partial / HASHES, np.stack(hashes))
        np.save(partial / GEOMETRIES, np.array([list(g.values()) for g in geometries], np.float64))
        write_description(
            partial,
            {
                "dataset": self.dataset,
                "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                "shape": [count, *self.shape],
                "dtype": self.dtype.name,
                "geometry": list(geometries[0]),
            },
        )

    def _checked(self, image: NDArray[Any]) -> memoryview:
        if image.shape != self.shape or image.dtype != self.dtype:
            raise ValueError(f"prepared {image.dtype} {image.shape}, not {self.dtype} {self.shape}")
        return np.ascontiguousarray(image).data

    def _prepare_one(self, item: CacheItem) -> Prepared | str:
        try:
            return self.prepare(item)
        except DataError as error:
            return str(error)
        except OSError as error:
            return f"it cannot be read: {error.strerror}"

    def _publish(self, partial: Path) -> None:
        for file in partial.iterdir():
            sync(file)
        sync(partial)
        try:
            partial.rename(self.path)
        except OSError:  # on NFS an entry can appear late, though its builder held the lock
            if not self.path.is_dir():
                raise
        sync(self.path.parent)


def refuse_unreadable(faults: Mapping[CacheItem, str], items: int, advise: Advise) -> None:
    """Raise all faults as one DataError, if there are any."""
    if not faults:
        return
    problems = [f"{item}: {fault}" for item, fault in faults.items()]
    advice = advise(list(dict.fromkeys(item.source.path for item in faults)))
    raise DataError(
        f"{len(faults)} of {items} images cannot be read; nothing was cached"
        + (f". Fetch them again, {advice}" if advice else ""),
        problems,
    )


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"cannot make the folder {path} of the image cache: {error.strerror};"
            " set LIGHTBOX_CACHE to a folder that you may write to"
        ) from error
