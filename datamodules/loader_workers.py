"""How a worker process of a data loader begins."""

import math
import signal
from collections.abc import Sequence

import torch
from torch.utils.data import get_worker_info

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
