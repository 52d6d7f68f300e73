"""What a finished entry of the cache is on disk: opening, listing and removing entries."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import time
import zlib
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from datamodules.cache_lock import builder_lock

FORMAT = 1
NAME_BYTES = 16
ENTRY_NAME = re.compile(rf"[0-9a-f]{{{2 * NAME_BYTES}}}")
DESCRIPTION = "entry.json"
HASHES = "hashes.npy"
LOCK_SUFFIX, PARTIAL_SUFFIX = ".lock", ".partial"
SECONDS_A_DAY = 86400
MOST_BYTES_SUMMED = 2**26


class DamagedEntryError(Exception):
    """An entry is incomplete or of another format; it is built again."""


@dataclass(frozen=True)
class FinishedEntry:
    """A finished entry. Pickled by its path, so that no worker copies what it holds.

    Attributes:
        path: Its folder.
        description: ``entry.json``.
    """

    path: Path
    description: dict[str, Any]

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open a finished entry, having checked that it is whole.

        Raises:
            DamagedEntryError: If it is not.
        """
        description = read_description(path)
        for name, expected in description["files"].items():
            _check_file(path / name, expected)
        with suppress(
            OSError
        ):  # a shared cache may be read-only; its time is when it was last used
            os.utime(path / DESCRIPTION)
        return cls(path, description)

    @cached_property
    def hashes(self) -> NDArray[np.uint8]:
        """Content hash of every decoded original, ``(N, 16)``."""
        hashes: NDArray[np.uint8] = np.load(self.path / HASHES, allow_pickle=False)
        return hashes

    def __len__(self) -> int:
        return int(self.description["shape"][0])

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "description": self.description}


@dataclass(frozen=True, slots=True)
class CacheEntry:
    """One line of the list of entries.

    Attributes:
        path: Folder of the entry.
        dataset: Name of the dataset.
        shape: Cases or images, and the shape of each where they share one.
        dtype: Of the stored images.
        gigabytes: On disk.
        created: ISO 8601, UTC.
        unused_days: Since it was last opened.
        damaged: Why it cannot be used, or None.
    """

    path: Path
    dataset: str
    shape: tuple[int, ...] = ()
    dtype: str = ""
    gigabytes: float = 0.0
    created: str = ""
    unused_days: float = 0.0
    damaged: str | None = None


def cache_root() -> Path:
    """Folder of all entries: ``$LIGHTBOX_CACHE``, else ``~/.cache/lightbox``."""
    named = os.environ.get("LIGHTBOX_CACHE")
    return Path(named).expanduser() if named else Path.home() / ".cache" / "lightbox"


def list_entries() -> list[CacheEntry]:
    """Every finished or damaged entry, those used last first."""
    entries = [_describe(path) for path in _paths() if path.is_dir()]
    return sorted(entries, key=lambda entry: entry.unused_days)


def prune(keep_days: float) -> list[CacheEntry]:
    """Remove entries unused for longer than ``keep_days``, damaged ones, and what the dead left.

    Entries that are being built are left alone, and so are lock files: on NFS somebody may wait
    for one that seems to be nobody's.

    Returns:
        The entries that were removed.
    """
    removed = []
    for path in _paths():
        lock = path.with_name(path.name + LOCK_SUFFIX)
        with builder_lock(lock, wait=False) as held:
            if not held:
                continue
            remove_partial(path)
            if path.is_dir() and _is_unwanted(entry := _describe(path), keep_days):
                discard(path)
                removed.append(entry)
    return removed


def read_description(path: Path) -> dict[str, Any]:
    """Read and verify ``entry.json``.

    Raises:
        DamagedEntryError: If it is missing, damaged, or of another format.
    """
    try:
        description: dict[str, Any] = json.loads((path / DESCRIPTION).read_text())
        checksum = description.pop("crc32")
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise DamagedEntryError(f"{DESCRIPTION} is missing or damaged") from error
    if checksum != _checksum(description) or description.get("format") != FORMAT:
        raise DamagedEntryError(f"{DESCRIPTION} is damaged, or of another format")
    return description


def write_description(path: Path, description: dict[str, Any]) -> None:
    """Write ``entry.json`` with the sizes of the entry's files and a checksum of itself.

    Small files have a checksum of their own; large ones would take too long to open.
    """
    files: dict[str, dict[str, int]] = {}
    for file in sorted(path.iterdir()):
        files[file.name] = {"bytes": file.stat().st_size}
        if file.stat().st_size <= MOST_BYTES_SUMMED:
            files[file.name]["crc32"] = zlib.crc32(file.read_bytes())
    full = {"format": FORMAT, **description, "files": files}
    text = json.dumps({**full, "crc32": _checksum(full)}, indent=1)
    (path / DESCRIPTION).write_text(text + "\n")


def remove_partial(path: Path) -> None:
    """Remove what dead builders of an entry left; only for the holder of its lock."""
    for partial in path.parent.glob(f"{path.name}.*{PARTIAL_SUFFIX}"):
        shutil.rmtree(partial, ignore_errors=True)


def discard(path: Path) -> None:
    """Remove an entry; it is renamed first, so that nobody opens half of it."""
    doomed = path.with_name(f"{path.name}.{secrets.token_hex(4)}{PARTIAL_SUFFIX}")
    path.rename(doomed)
    shutil.rmtree(doomed, ignore_errors=True)


def _paths() -> list[Path]:
    """Where entries are, are being built, or were: nothing else in the folder is ever touched."""
    found = ((path.parent, path.name.partition(".")[0]) for path in cache_root().glob("*/*"))
    return sorted({place / name for place, name in found if ENTRY_NAME.fullmatch(name)})


def _is_unwanted(entry: CacheEntry, keep_days: float) -> bool:
    return entry.damaged is not None or entry.unused_days > keep_days


def _describe(path: Path) -> CacheEntry:
    try:
        description = read_description(path)
        for name, expected in description["files"].items():
            _check_file(path / name, expected)
    except DamagedEntryError as error:
        return CacheEntry(path, path.parent.name, damaged=str(error))
    return CacheEntry(
        path,
        dataset=description["dataset"],
        shape=tuple(description["shape"]),
        dtype=description["dtype"],
        gigabytes=sum(file["bytes"] for file in description["files"].values()) / 1e9,
        created=description["created"],
        unused_days=(time.time() - (path / DESCRIPTION).stat().st_mtime) / SECONDS_A_DAY,
    )


def _check_file(path: Path, expected: dict[str, int]) -> None:
    try:
        whole = path.stat().st_size == expected["bytes"]
        if whole and "crc32" in expected:
            whole = zlib.crc32(path.read_bytes()) == expected["crc32"]
    except OSError as error:
        raise DamagedEntryError(f"{path.name} is missing") from error
    if not whole:
        raise DamagedEntryError(f"{path.name} is truncated or damaged")


def _checksum(description: dict[str, Any]) -> int:
    return zlib.crc32(json.dumps(description, sort_keys=True).encode())
