"""Being told to stop: signals only set a flag, and training stops at a boundary between steps."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import pytorch_lightning as pl
import torch

from datamodules.errors import StoppedError

STOP_SIGNALS = (signal.SIGTERM, signal.SIGUSR1)
PATIENCE_SECONDS = 8.0
"""How long to wait for a boundary after SIGTERM, 30 s after which Slurm kills."""
SHARE_OF_WARNING = 1 / 3
"""What a boundary may take of the time between the warning (SIGUSR1) and the end of the job."""
ASK_EVERY_SECONDS = 0.5
LONGEST_PAUSE = 256


class StopRequest:
    """Whether this process was told to stop, by SIGTERM or SIGUSR1.

    While training, the handler sets a flag and no more, and the flag is looked at between two
    steps. Where no boundary comes soon, as within a long validation, and everywhere else, the
    leading process stops at once: nothing that is written is ever half there.

    Args:
        leading: Whether this process decides for the run; the others are told.
        warning_seconds: How long before its end a job is warned by SIGUSR1.
    """

    def __init__(self, leading: bool, warning_seconds: float = 120.0) -> None:
        self.leading = leading
        self.patience = {
            signal.SIGTERM: PATIENCE_SECONDS,
            signal.SIGUSR1: warning_seconds * SHARE_OF_WARNING,
        }
        self.signal: signal.Signals | None = None
        self._at_boundaries = False
        self._listens = False

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Handle the signals; outside the main thread Python cannot, and they stay as they are."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        handled = (*STOP_SIGNALS, signal.SIGALRM)
        before = {number: signal.signal(number, self.handle) for number in handled}
        self._listens = True
        try:
            yield
        finally:
            self._listens = False
            signal.setitimer(signal.ITIMER_REAL, 0)
            for number, handler in before.items():
                signal.signal(number, handler)

    @contextmanager
    def at_boundaries(self) -> Iterator[None]:
        """Within this, stop between steps only, for as long as patience lasts."""
        self._at_boundaries = True
        try:
            yield
        finally:
            self._at_boundaries = False
        if self.leading and self.signal is not None:
            raise self.stop(self.signal)

    def handle(self, number: int, frame: FrameType | None) -> None:
        """The handler.

        Raises:
            StoppedError: In the leading process, where there is no boundary to wait for.
        """
        del frame
        first = self.signal is None
        if number in STOP_SIGNALS:
            self.signal = self.signal or signal.Signals(number)
        if not self.leading or self.signal is None:
            return
        if self._at_boundaries and number != signal.SIGALRM:
            if first:
                signal.setitimer(signal.ITIMER_REAL, self.patience[self.signal])
            return
        if first or self._at_boundaries:
            self._at_boundaries = False
            raise StoppedError(self.signal)

    def take_back(self) -> None:
        """Take SIGTERM back from Lightning, which handles it with a collective in the handler."""
        if self._listens:
            signal.signal(signal.SIGTERM, self.handle)

    def stop(self, told: int) -> StoppedError:
        """What to raise at a boundary that all have agreed to stop at; patience ends here.

        Args:
            told: The signal that one of them got.
        """
        signal.setitimer(signal.ITIMER_REAL, 0)
        self._at_boundaries = False
        self.signal = signal.Signals(told)
        return StoppedError(self.signal)


class SignalsStayOurs(pl.Callback):
    """Keeps Lightning from handling SIGTERM in an evaluation; in training Checkpointing does.

    Args:
        request: Handles the signals instead.
    """

    def __init__(self, request: StopRequest) -> None:
        self.request = request

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Take the handler back."""
        del trainer, pl_module
        self.request.take_back()

    def on_test_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Take the handler back."""
        del trainer, pl_module
        self.request.take_back()


class Agreement:
    """What any process wants, known to all at the same step, without a wait at each step.

    All ask each other about twice a second: how many steps that is follows from the slowest
    process's time for a step, which travels with the question.
    """

    def __init__(self) -> None:
        self._steps, self._ask_at = 0, 1
        self._asked = (time.monotonic(), 0)

    def take_over(self, trainer: pl.Trainer) -> None:
        """Spare Lightning's broadcast at each step of whether it got a SIGTERM."""
        setattr(trainer.fit_loop.epoch_loop, "_broadcast_sigterm_tensor", _nothing)  # noqa: B010

    def on(self, trainer: pl.Trainer, *wishes: float) -> list[float]:
        """The largest of each wish over the processes; all 0 at steps at which nobody asks."""
        if trainer.world_size == 1:
            return list(wishes)
        self._steps += 1
        if self._steps < self._ask_at:
            return [0.0] * len(wishes)
        asked, at_step = self._asked
        pace = (time.monotonic() - asked) / (self._steps - at_step)
        largest = largest_of([*wishes, pace], trainer.strategy.root_device)
        pause = round(ASK_EVERY_SECONDS / max(largest.pop(), 1e-6))
        self._ask_at = self._steps + min(max(1, pause), LONGEST_PAUSE)
        self._asked = (time.monotonic(), self._steps)
        return largest

    def now(self, trainer: pl.Trainer, wish: float) -> float:
        """The largest wish of all processes, which all ask at this place."""
        if trainer.world_size == 1:
            return wish
        return largest_of([wish], trainer.strategy.root_device)[0]


def largest_of(values: list[float], device: torch.device) -> list[float]:
    """The largest of each value over all processes."""
    together = torch.tensor(values, dtype=torch.float64, device=device)
    torch.distributed.all_reduce(together, torch.distributed.ReduceOp.MAX)
    found: list[float] = together.tolist()
    return found


def _nothing(*_: Any) -> None:  # noqa: ANN401 - takes the place of any method
    """Do nothing."""
