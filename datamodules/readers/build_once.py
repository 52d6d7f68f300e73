"""Downloads and drawn demos: put on disk by one process, whole or not at all."""

import shutil
from collections.abc import Callable
from pathlib import Path

from datamodules.cache_lock import builder_lock
from datamodules.errors import DataError


def build_once(target: Path, build: Callable[[Path], None]) -> None:
    """Build a file or folder unless it is there; other processes wait and then find it whole.

    Args:
        target: What shall be there.
        build: Writes it to the path it is given, beside the target.

    Raises:
        DataError: If the place cannot be written.
    """
    if target.exists():
        return
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with builder_lock(target.parent / f".{target.name}.lock", what=target.name):
            if not target.exists():
                _build(target, build)
    except OSError as error:
        raise DataError(
            f"cannot write {target} ({error.strerror or error}); "
            "LIGHTBOX_CACHE names another folder for such files"
        ) from error


def _build(target: Path, build: Callable[[Path], None]) -> None:
    unfinished = target.parent / f".{target.name}.unfinished"
    _remove(unfinished)
    try:
        build(unfinished)
        unfinished.rename(target)
    finally:
        _remove(unfinished)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
