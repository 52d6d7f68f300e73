"""Copies of cache entries elsewhere, such as on the own disk of a cluster's node."""

import logging
import secrets
import shutil
from pathlib import Path

from datamodules.cache_entries import (
    LOCK_SUFFIX,
    PARTIAL_SUFFIX,
    DamagedEntryError,
    FinishedEntry,
    remove_partial,
)
from datamodules.cache_lock import builder_lock
from datamodules.errors import ConfigError

log = logging.getLogger("lightbox")


def copy_entry(entry: FinishedEntry, root: Path) -> Path:
    """Copy an entry to another cache, unless it is there; one process at a time does it.

    Args:
        entry: Finished.
        root: Folder of the other cache; made if needed.

    Returns:
        Folder of the copy, which is whole.

    Raises:
        ConfigError: If it cannot be written.
    """
    path = root.expanduser().absolute() / entry.path.parent.name / entry.path.name
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with builder_lock(path.with_name(path.name + LOCK_SUFFIX)):
            try:
                return FinishedEntry.open(path).path
            except DamagedEntryError:
                shutil.rmtree(path, ignore_errors=True)
            remove_partial(path)
            log.info("copying %d cases or images to %s", len(entry), path)
            partial = path.with_name(f"{path.name}.{secrets.token_hex(4)}{PARTIAL_SUFFIX}")
            try:
                shutil.copytree(entry.path, partial)
                partial.rename(path)
            finally:
                shutil.rmtree(partial, ignore_errors=True)
    except OSError as error:
        raise ConfigError(f"cannot copy the image cache to {root}: {error}") from error
    return FinishedEntry.open(path).path
