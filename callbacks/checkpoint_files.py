"""Checkpoint files: whole or absent, verified before they are read, and free of code."""

import os
import shutil
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, NamedTuple

import torch
from pytorch_lightning.plugins.io import CheckpointIO

from datamodules.errors import CheckpointError
from datamodules.whole_files import in_place_of, is_full, sync

LAST, PREVIOUS, BEST = "last.ckpt", "previous.ckpt", "best.ckpt"


class AtomicCheckpointIO(CheckpointIO):
    """Lightning's way to checkpoint files, through the functions below."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: object = None
    ) -> None:
        """Write a checkpoint whole or not at all."""
        del storage_options
        write_checkpoint(checkpoint, Path(path))

    def load_checkpoint(
        self, path: str | Path, map_location: object = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        """Verify and read a checkpoint."""
        del weights_only, map_location
        return read_checkpoint(Path(path))

    def remove_checkpoint(self, path: str | Path) -> None:
        """Nothing is removed: names are fixed, and each write replaces."""
        del path


def write_checkpoint(checkpoint: dict[str, Any], path: Path) -> None:
    """Write beside the target, fsync, rename.

    Raises:
        CheckpointError: If the disk is full or the folder cannot be written; what was there stays.
    """
    with _checkpoint_in_place_of(path) as temporary, temporary.open("wb") as file:
        torch.save(checkpoint, file)
        file.flush()
        os.fsync(file.fileno())


def publish(temporary: Path, path: Path) -> None:
    """Rename a finished file into place; a last.ckpt that was there becomes previous.ckpt.

    A kill between the two renames leaves previous.ckpt, which a resume falls back to.
    """
    if path.name == LAST and path.exists():
        path.replace(path.with_name(PREVIOUS))
    temporary.replace(path)
    sync(path.parent)


def share(source: Path, target: Path) -> None:
    """Give a checkpoint a second name without writing it again (a copy where links fail).

    Raises:
        CheckpointError: As for :func:`write_checkpoint`.
    """
    with _checkpoint_in_place_of(target) as temporary:
        temporary.unlink(missing_ok=True)
        try:
            temporary.hardlink_to(source)
        except OSError:
            shutil.copy2(source, temporary)
            sync(temporary)


@contextmanager
def _checkpoint_in_place_of(path: Path) -> Iterator[Path]:
    try:
        with in_place_of(path, publish) as temporary:
            yield temporary
    except (OSError, RuntimeError) as error:
        # torch reports a full disk as a position that it did not expect
        cause = error if isinstance(error, OSError) else error.__context__
        fault = cause.strerror if isinstance(cause, OSError) else error
        advice = "Free disk space" if cause is not None and is_full(cause) else "Mend that"
        raise CheckpointError(
            f"checkpoint {path.name} could not be written ({fault}); the one before it is kept."
            f" {advice}, then resume the run"
        ) from error


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint on the CPU, verified by the CRCs of its records (torch checks none).

    Raises:
        CheckpointError: If it is missing, damaged, or holds anything but tensors and plain values.
    """
    if not path.is_file():
        raise CheckpointError(f"there is no checkpoint {path.name} in {path.parent}")
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
    except (zipfile.BadZipFile, OSError, EOFError, zlib.error, NotImplementedError) as error:
        raise CheckpointError(f"checkpoint {path} is damaged or no checkpoint: {error}") from error
    if damaged is not None:
        raise CheckpointError(f"checkpoint {path} is damaged: record {damaged} fails its checksum")
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except UnpicklingError as error:
        raise CheckpointError(
            f"checkpoint {path} holds something other than tensors and plain values; it may run"
            " code and is refused"
        ) from error
    except (RuntimeError, EOFError, KeyError, ValueError) as error:
        raise CheckpointError(f"checkpoint {path} is damaged: {error}") from error
    if not isinstance(checkpoint, dict) or "state_dict" not in checkpoint:
        raise CheckpointError(f"{path} is no Lightning checkpoint: it has no state_dict")
    return checkpoint


class Found(NamedTuple):
    """A checkpoint to go on from.

    Attributes:
        path: Of the file.
        step: Optimizer steps that it has done.
        faults: What is wrong with newer ones.
    """

    path: Path
    step: int
    faults: tuple[str, ...] = ()


def newest_readable(folder: Path) -> Found | None:
    """The newest checkpoint to resume from; None: there is none.

    Raises:
        CheckpointError: If there are checkpoints but none can be read.
    """
    faults = []
    for name in (LAST, PREVIOUS):
        if (path := folder / name).exists():
            try:
                checkpoint = read_checkpoint(path)
            except CheckpointError as error:
                faults.append(str(error))
            else:
                return Found(path, int(checkpoint.get("global_step", 0)), tuple(faults))
    if faults:
        raise CheckpointError("no checkpoint of the run can be read:\n  " + "\n  ".join(faults))
    return None
