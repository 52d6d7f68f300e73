"""Builds one entry of the cache, whole or not at all."""

import errno
import logging
import secrets
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from datamodules.cache_entries import (
    LOCK_SUFFIX,
    PARTIAL_SUFFIX,
    DamagedEntryError,
    FinishedEntry,
    discard,
    remove_partial,
    write_description,
)
from datamodules.cache_lock import builder_lock
from datamodules.cases import Source
from datamodules.errors import ConfigError, DataError
from datamodules.whole_files import sync

LOG = logging.getLogger("lightbox")
SPARE_BYTES = 1_000_000
OUT_OF_SPACE = (errno.ENOSPC, errno.EDQUOT)

Entry = TypeVar("Entry", bound=FinishedEntry)
Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class CacheItem:
    """One film to cache: its case, where it lies, and that path on this machine.

    Attributes:
        case_id: Of its case.
        source: Where it lies.
        path: That on this machine.
        spacing_mm: As the dataset declares it, see ``Case``.
    """

    case_id: str
    source: Source
    path: Path
    spacing_mm: tuple[float, ...] | None = None

    def __str__(self) -> str:
        return f"case '{self.case_id}' (file {self.source})"


Advise = Callable[[Sequence[str]], str]
"""What to do about images that cannot be read, by their paths; empty where there is nothing."""


class Content(Protocol):
    """What an entry is filled with."""

    @property
    def dataset(self) -> str:
        """Its name."""

    @property
    def expected_bytes(self) -> int:
        """How large the entry will be, roughly."""

    def write(self, folder: Path) -> dict[str, Any]:
        """Write the entry's files, ``hashes.npy`` among them, and describe them.

        Raises:
            DataError: Lists everything that cannot be read.
        """


@dataclass(frozen=True, slots=True)
class CacheBuilder(Generic[Entry]):
    """Builds one entry.

    Attributes:
        path: Where it will lie.
        content: What it is filled with.
        kind: What it is once it is finished.
    """

    path: Path
    content: Content
    kind: type[Entry]

    def build(self) -> Entry:
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
                described = self.content.write(partial)
                named = {"dataset": self.content.dataset, "created": _now(), **described}
                write_description(partial, named)
                self._publish(partial)
            except OSError as error:
                raise self._cannot_write(error) from error
            finally:
                shutil.rmtree(partial, ignore_errors=True)
            return self.kind.open(self.path)

    def _open(self) -> Entry | None:
        try:
            return self.kind.open(self.path)
        except DamagedEntryError as error:
            if self.path.is_dir():
                LOG.warning(
                    "the image cache of '%s' is built again: %s", self.content.dataset, error
                )
                discard(self.path)
            return None

    @property
    def _bytes(self) -> int:
        return self.content.expected_bytes + SPARE_BYTES

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


def attempt(prepare: Callable[[Item], Result]) -> Callable[[Item], Result | str]:
    """As ``prepare``, but what cannot be read gives the reason."""

    def prepare_one(item: Item) -> Result | str:
        try:
            return prepare(item)
        except DataError as error:
            return str(error)
        except OSError as error:
            return f"it cannot be read: {error.strerror}"

    return prepare_one


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


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
