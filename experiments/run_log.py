"""What the console shows, kept in run.log as well; and the noise that is kept out of both."""

import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

log = logging.getLogger("lightbox")

HARMLESS = (
    r".*isinstance\(treespec, LeafSpec\).*",
    r"__array_wrap__ must accept context.*",
    r".*`srun` command is available.*",
    r".*does not have many workers.*",
    r".*recommended to use `.*sync_dist=True.*",
    r".*is smaller than the logging interval.*",
    r".*Checkpoint directory .* exists and is not empty.*",
    r".*You're resuming from a checkpoint that ended before the epoch ended.*",
    r".*Found \d+ module\(s\) in eval mode at the start of training.*",
    r".*Starting from v1.9.0, `tensorboardX` has been removed.*",
    r".*Trying to infer the `batch_size` from an ambiguous collection.*",
    r".*You are using a custom batch sampler `EvaluationSampler`.*",
    r".*is a wandb run already in progress.*",
)
"""Warnings that tell a user nothing: each was looked into."""


@contextmanager
def logged_to(path: Path | None) -> Iterator[None]:
    """Send Lightbox's messages to the console, and to a file when one is given."""
    handlers: list[logging.Handler] = [logging.StreamHandler(sys.stderr)]
    handlers[0].setFormatter(logging.Formatter("%(message)s"))
    if path is not None:
        handlers.append(_LogFile(path))
        handlers[1].setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    log.handlers, log.propagate = handlers, False
    log.setLevel(logging.INFO)
    try:
        with without_noise():
            yield
    finally:
        for handler in handlers:
            handler.close()
        log.handlers = []


class _LogFile(logging.FileHandler):
    """What a full disk keeps out of it is on the console all the same."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        """Print no traceback."""

    def close(self) -> None:
        """Close it, with or without what could not be written."""
        with suppress(OSError):
            super().close()


@contextmanager
def without_noise() -> Iterator[None]:
    """Leave out what libraries say that tells a user nothing."""
    for noisy in ("pytorch_lightning", "lightning_fabric", "lightning.pytorch"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    with warnings.catch_warnings():
        for message in HARMLESS:
            warnings.filterwarnings("ignore", message)
        yield
