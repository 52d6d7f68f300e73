"""Files that are whole or absent: written beside their place, synced to the disk, then renamed."""

import errno
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, TextIO

TEMPORARY = ".writing"
"""How the name of a file ends that is being written."""
Publish = Callable[[Path, Path], object]


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A binary file that is there under its name when the block has ended well; else nothing is.

    Args:
        path: Its folder is made where it is missing; what was there is replaced.
    """
    with in_place_of(path) as temporary, temporary.open("wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def whole_text(path: Path) -> Iterator[TextIO]:
    """As :func:`whole_file`, for UTF-8; a file name that is none is written as its bytes."""
    with (
        in_place_of(path) as temporary,
        temporary.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file,
    ):
        yield file
        file.flush()
        os.fsync(file.fileno())


def write_whole(path: Path, text: str) -> None:
    """Write a text file whole or not at all."""
    with whole_text(path) as file:
        file.write(text)


def append_lines(path: Path, lines: str) -> None:
    """Add lines to a text file, all or none of them: a full disk would leave half of one."""
    with path.open("ab", buffering=0) as file:
        before, left = file.seek(0, os.SEEK_END), memoryview(lines.encode())
        try:
            while left:
                left = left[file.write(left) :]
        except OSError as error:
            file.truncate(before)
            _name(path, error)
            raise


def is_full(error: BaseException) -> bool:
    """Whether it says that the disk, or the user's share of it, is full."""
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


def sync(path: Path) -> None:
    """Have the disk hold a file, or the names in a folder, before anything else is done."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def in_place_of(path: Path, publish: Publish = Path.replace) -> Iterator[Path]:
    """A name beside a file, whose content takes the file's place when the block has ended well.

    Args:
        path: The file; its folder is made where it is missing.
        publish: Renames the first path to the second.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    own = f"{os.getpid()}-{secrets.token_hex(3)}"  # threads, and hosts of one pid, may be at it
    temporary = path.with_name(f".{path.name}.{own}{TEMPORARY}")
    try:
        yield temporary
        publish(temporary, path)
    except OSError as error:
        _name(path, error)
        raise
    finally:
        with suppress(OSError):
            temporary.unlink()


def remove_unfinished(folder: Path) -> None:
    """Remove what a kill in the middle of a write left behind; for whoever owns the folder."""
    for path in folder.glob(f".*{TEMPORARY}"):
        path.unlink(missing_ok=True)


def _name(path: Path, error: OSError) -> None:
    """Say which file it was, where the system does not, as when the disk is full."""
    if is_full(error) and error.filename is None:
        error.filename = path.name
