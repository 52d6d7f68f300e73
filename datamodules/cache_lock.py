"""One builder at a time for a cache entry, among threads, processes and hosts."""

import fcntl
import logging
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from datamodules.errors import ConfigError

LOG = logging.getLogger("lightbox")
# A POSIX lock belongs to the process: it does not keep threads apart, and closing any descriptor
# of the file lets go of it. So only one thread of a process is ever at a lock file.
_one_thread = threading.Lock()


@contextmanager
def builder_lock(path: Path, wait: bool = True, what: str = "the image cache") -> Iterator[bool]:
    """Hold the lock file of a cache entry, or of a file or folder that is made once.

    It is a kernel lock, which a killed process cannot leave behind, and a POSIX one (``lockf``):
    NFS hands those to the server, so that hosts see each other, while ``flock`` may stay local.
    The holder is written into the file for people to read.

    Args:
        path: The lock file; its folder exists.
        wait: Wait for whoever holds it; else give up at once.
        what: Is being made; for the message of whoever waits.

    Yields:
        Whether the lock is held.

    Raises:
        ConfigError: If the filesystem cannot lock, or forbids it.
    """
    if not _one_thread.acquire(blocking=wait):
        yield False
        return
    try:
        file = _locked(path, wait, what)
        try:
            yield file is not None
        finally:
            if file is not None:
                file.close()
    finally:
        _one_thread.release()


def _locked(path: Path, wait: bool, what: str) -> TextIO | None:
    while True:
        try:
            file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o666), "r+")
            if not _acquire(file, wait, what):
                file.close()
                return None
        except OSError as error:
            raise ConfigError(
                f"cannot lock {path}: {error.strerror}; set LIGHTBOX_CACHE to a folder that you"
                " may write to, on a filesystem with locks"
            ) from error
        if _is_current(file, path):
            _write_holder(file)
            return file
        file.close()  # removed by hand between open and lock: what we hold is nobody's lock


def _acquire(file: TextIO, wait: bool, what: str) -> bool:
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):  # EAGAIN or EACCES: somebody holds it
        if not wait:
            return False
        LOG.info("waiting for %s, made by %s", what, file.read().strip() or "another process")
        fcntl.lockf(file, fcntl.LOCK_EX)
    return True


def _is_current(file: TextIO, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _write_holder(file: TextIO) -> None:
    job = os.environ.get("SLURM_JOB_ID")
    file.seek(0)
    file.truncate()
    file.write(f"{socket.gethostname()} process {os.getpid()}{f' job {job}' if job else ''}\n")
    file.flush()
