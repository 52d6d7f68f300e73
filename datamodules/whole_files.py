"""Files that are whole or absent: written beside their place, synced to the disk, then renamed."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TextIO


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A binary file that is there under its name when the block has ended well; else nothing is.

    Args:
        path: Its folder is made where it is missing; what was there is replaced.
    """
    with _in_place_of(path) as temporary, temporary.open("wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def whole_text(path: Path) -> Iterator[TextIO]:
    """As :func:`whole_file`, for UTF-8; a file name that is none is written as its bytes."""
    with (
        _in_place_of(path) as temporary,
        temporary.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file,
    ):
        yield file
        file.flush()
        os.fsync(file.fileno())


def write_whole(path: Path, text: str) -> None:
    """Write a text file whole or not at all."""
    with whole_text(path) as file:
        file.write(text)


def sync(path: Path) -> None:
    """Have the disk hold a file, or the names in a folder, before anything else is done."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _in_place_of(path: Path) -> Iterator[Path]:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
