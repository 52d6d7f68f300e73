"""Loaders of whole batches, and how their worker processes begin."""

import math
import signal
from collections.abc import Sequence
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset, Sampler, get_worker_info

from datamodules.samplers import Draw

SECONDS_AFTER_SIGTERM = 20


def begin_worker(worker: int) -> None:
    """Workers are the parallelism; threads of OpenCV inside them only get in each other's way.

    A signal that tells the run to stop often goes to all processes of a job: workers live on for
    as long as the training process takes to save its state.
    """
    import cv2

    del worker
    cv2.setNumThreads(0)
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, lambda *_: signal.alarm(SECONDS_AFTER_SIGTERM))


def batch_memory(shape: Sequence[int], dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """An empty tensor; in a worker where the training process sees it, to save a copy."""
    if get_worker_info() is None:
        return torch.empty(tuple(shape), dtype=dtype)
    storage = torch.UntypedStorage._new_shared(math.prod(shape) * dtype.itemsize)
    return torch.empty(0, dtype=dtype).set_(storage).view(*shape)


def batch_loader(
    dataset: Dataset[Any],
    sampler: Sampler[list[Draw]],
    workers: int,
    seed: int,
    ahead: int | None = None,
) -> DataLoader[Any]:
    """A loader of whole batches, which draws nothing from the global random state.

    Args:
        dataset: Its ``__getitems__`` turns a list of draws into one batch.
        sampler: Of lists of draws.
        workers: Processes; 0: none.
        seed: Of a generator of its own.
        ahead: Batches that each worker makes ahead; None: as torch has it.
    """
    return DataLoader(
        dataset,
        batch_sampler=sampler,
        collate_fn=_as_it_is,
        num_workers=workers,
        persistent_workers=workers > 0,
        prefetch_factor=ahead if workers > 0 else None,
        pin_memory=torch.cuda.is_available(),
        generator=torch.Generator().manual_seed(seed),
        worker_init_fn=begin_worker,
    )


def _as_it_is(batch: Any) -> Any:  # noqa: ANN401 - whatever the dataset made
    return batch
