"""What segmenters, detectors and landmarkers share on files: on past bad ones, which are listed."""

import sys
from argparse import Namespace
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import torch

from callbacks.predictions import write_predictions
from datamodules.errors import ConfigError, DataError
from datamodules.parallel import shown
from experiments.file_command import FAILURES, SOME_FAILED

Found = TypeVar("Found")


def refuse_options(arguments: Namespace, model: str, *, formats: bool = False) -> None:
    """Look for options of other models.

    Args:
        arguments: Of the command line.
        model: What it is applied to, such as "a detector".
        formats: Whether it writes files in a format that can be chosen.

    Raises:
        ConfigError: If there is one.
    """
    others = "--features" if formats else "--features and no --format"
    if arguments.table is not None or arguments.features or (arguments.format and not formats):
        raise ConfigError(f"{model} takes no --table, and has no {others}")


@contextmanager
def writing_to(folder: Path) -> Iterator[None]:
    """Make a folder, and say so when it or something in it cannot be written.

    Raises:
        ConfigError: If so.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise ConfigError(f"cannot write to {folder}: {error.strerror}") from error


@contextmanager
def listed_failures(folder: Path) -> Iterator[list[dict[str, Any]]]:
    """Receives the files that failed; they are listed in the folder when the block has ended."""
    failed: list[dict[str, Any]] = []
    yield failed
    if failed:
        write_predictions(folder / FAILURES, failed)
    else:
        (folder / FAILURES).unlink(missing_ok=True)  # of an attempt that was broken off


def predicted(
    names: Collection[str],
    predict: Callable[[str], Found],
    failed: list[dict[str, Any]],
    doing: str,
    *,
    progress: bool = True,
) -> Iterator[tuple[str, Found]]:
    """What a model says of every case that it can say something of.

    Args:
        names: Of the cases.
        predict: What it says of one; raises ``DataError``.
        failed: Receives the others, with the reason.
        doing: What the progress bar says.
        progress: Whether there is one: not where each case has its own.
    """
    for name in shown(iter(names), doing, len(names), progress=progress):
        try:
            found = predict(name)
        except DataError as error:
            failed.append({"file": name, "reason": str(error)})
        except (MemoryError, torch.OutOfMemoryError):
            failed.append({"file": name, "reason": "it needs more memory than there is"})
        else:
            yield name, found


def tell_failed(folder: Path, failed: int) -> int:
    """Say how many cases failed, and where they are listed; the exit code of the process."""
    if failed:
        print(f"{failed} could not be: {folder / FAILURES}", file=sys.stderr)
    return SOME_FAILED if failed else 0
