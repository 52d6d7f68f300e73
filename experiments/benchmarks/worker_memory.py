"""Private memory of loader workers: what a worker wrote that nobody else sees.

Workers are weighed in a process of its own, so that nothing that was loaded before counts, and
while they work: a batch that is still on its way is included.
"""

import multiprocessing
import os
import subprocess
import sys
from collections.abc import Iterable
from itertools import islice
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import experiments
from datamodules.errors import LightboxError

BATCHES, WEIGHED_EVERY = 50, 10


def measured_apart(module: str, folder: Path, numbers: Iterable[int]) -> float:
    """The figure that a module prints last when it is run in a process of its own.

    Args:
        module: Run as ``python -m module FOLDER NUMBERS``.
        folder: A new one, which is the cache folder of the process too.
        numbers: What else the module is told.

    Raises:
        LightboxError: If it fails; with the end of what it said.
    """
    folder.mkdir()
    done = subprocess.run(
        [sys.executable, "-m", module, str(folder), *map(str, numbers)],
        cwd=Path(next(iter(experiments.__path__))).parent,
        env={**os.environ, "LIGHTBOX_CACHE": str(folder)},
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        raise LightboxError(f"the workers cannot be weighed: {done.stderr[-1000:]}")
    return float(done.stdout.splitlines()[-1])


def heaviest_worker(batches: Iterable[dict[str, Any]], shape: tuple[int, ...]) -> float:
    """Private megabytes of the worker that has most, at every tenth of 50 batches.

    Args:
        batches: A loader with workers, which are the only children of this process.
        shape: What the images of a batch must have but for its size.

    Raises:
        LightboxError: If they have another, or the kernel does not tell.
    """
    weights = []
    for number, batch in enumerate(islice(batches, BATCHES), start=1):
        if batch["image"].shape[1:] != shape:
            raise LightboxError(f"the loader gives {tuple(batch['image'].shape)}")
        if number % WEIGHED_EVERY == 0:
            weights += [private_megabytes_of(child) for child in multiprocessing.active_children()]
    return max(weights)


def private_megabytes_of(worker: BaseProcess) -> float:
    """Private pages that a process has written (Private_Dirty), in units of 10^6 bytes.

    Raises:
        LightboxError: If the kernel does not tell.
    """
    try:
        lines = Path(f"/proc/{worker.pid}/smaps_rollup").read_text().splitlines()
    except OSError as error:
        raise LightboxError(f"the memory of a worker cannot be read: {error.strerror}") from error
    kilobytes = next(line.split()[1] for line in lines if line.startswith("Private_Dirty:"))
    return int(kilobytes) * 1024 / 1e6
