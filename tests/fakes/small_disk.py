"""A file system of its own that is soon full."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

FILLER = "filler"


@contextmanager
def small_disk(place: Path, kilobytes: int) -> Iterator[Path]:
    """Mounts a tmpfs; skips the test where that is not allowed."""
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(place)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"no tmpfs can be mounted here: {done.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(disk: Path, free: int) -> None:
    """Takes all of a disk but so many bytes, rounded down to whole pages."""
    space = os.statvfs(disk)
    with (disk / FILLER).open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, space.f_bavail * space.f_frsize - free)


@contextmanager
def filled(disk: Path, free: int) -> Iterator[None]:
    """As :func:`fill`, for a while."""
    fill(disk, free)
    try:
        yield
    finally:
        (disk / FILLER).unlink()


def names(disk: Path) -> list[str]:
    """What lies in the folder, but for what fills it."""
    return sorted(path.name for path in disk.iterdir() if path.name != FILLER)
