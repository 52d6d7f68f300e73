"""Processes that the first one of a run has started: watched, named when they die, never left."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from pytorch_lightning.strategies import DDPStrategy
from pytorch_lightning.strategies.launchers import _SubprocessScriptLauncher
from torch.distributed import DistError

from datamodules.errors import LightboxError

LOOK_EVERY_SECONDS = 0.5
GRACE_SECONDS = 10.0
"""How long the others have to end by themselves, as they do where all fail alike."""
NEWS_SECONDS = 2.0
"""How long the news of a death may take after the connection to the dead one broke."""
LOST = (
    "lost contact with another process of the run; its last words are in run.log, or in the log of"
    " the job. The run can be resumed"
)
Process = subprocess.Popen[bytes]


class ProcessDiedError(LightboxError):
    """Another process of the run died, and this one cannot go on without it."""


class ProcessWatch:
    """Ends the run when one of its processes dies, and says which one it was.

    Without it the others would wait for the dead one, in a collective that nothing can interrupt.

    Args:
        record: Called with the message before everything ends.
        parent: The first process, where this is one of the others; it ends with that one.
    """

    def __init__(self, record: Callable[[str], object], parent: int | None = None) -> None:
        self.record, self.parent = record, parent
        self.processes: Sequence[Process] = ()
        self._over = threading.Event()

    def __enter__(self) -> Self:
        if self.parent is not None:
            threading.Thread(target=self._look_at_parent, name="parent-watch", daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Wait for the others, and end those that wait for this one.

        Raises:
            ProcessDiedError: In place of what a collective says when one of the others has died.
        """
        self._over.set()
        cause = self._cause_of(error)
        self._wait_for_others()
        if cause is not None:
            raise ProcessDiedError(cause) from error

    def let_go(self) -> None:
        """Watch no longer: what is left to do needs no other process."""
        self._over.set()

    def _wait_for_others(self) -> None:
        until = time.monotonic() + GRACE_SECONDS
        for process in self.processes:
            try:
                process.wait(max(0.0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()

    def watch(self, processes: Sequence[Process]) -> None:
        """Watch the other processes of the run from now on.

        Args:
            processes: By their rank, from 1.
        """
        self.processes = processes
        threading.Thread(target=self._look, name="process-watch", daemon=True).start()

    def _look(self) -> None:
        while not self._over.wait(LOOK_EVERY_SECONDS):
            if dead := self._dead():
                if not self._over.wait(GRACE_SECONDS):
                    self._end_all(dead)
                return

    def _look_at_parent(self) -> None:
        while not self._over.wait(LOOK_EVERY_SECONDS):
            if os.getppid() != self.parent:
                os._exit(1)

    def _dead(self) -> dict[int, int]:
        """Exit codes of those that did not end well, by rank; of those killed, where any was."""
        codes = {rank: process.poll() for rank, process in enumerate(self.processes, start=1)}
        failed = {rank: code for rank, code in codes.items() if code}
        killed = {rank: code for rank, code in failed.items() if code < 0}
        return killed or failed

    def _cause_of(self, error: BaseException | None) -> str | None:
        """Whose death this process ends of; None if the error is its own."""
        if not isinstance(error, Exception) or isinstance(error, LightboxError):
            return None
        until = time.monotonic() + NEWS_SECONDS
        while self.processes and not self._dead() and time.monotonic() < until:
            time.sleep(0.05)
        dead, lost = self._dead(), _lost_contact(error)
        if any(code < 0 for code in dead.values()) or (dead and lost):
            return self._message(dead)
        return f"{LOST} ({error})" if lost else None

    def _message(self, dead: Mapping[int, int]) -> str:
        last = len(self.processes)
        found = [f"process {rank} (of 0 to {last}) {_how(code)}" for rank, code in dead.items()]
        return f"{', '.join(found)}; the others cannot go on without it. The run can be resumed"

    def _end_all(self, dead: Mapping[int, int]) -> None:
        for process in self.processes:
            process.kill()
        try:
            self.record(self._message(dead))
            print(f"error: {self._message(dead)}", file=sys.stderr, flush=True)
        finally:
            os._exit(1)


def _how(code: int) -> str:
    if code == -signal.SIGKILL:
        return "was killed by SIGKILL (as happens when memory runs out)"
    if code < 0:
        return f"was killed by {signal.Signals(-code).name}"
    return f"ended with exit code {code} (see run.log)"


def _lost_contact(error: Exception) -> bool:
    """Whether a collective broke off; gloo has no error class of its own."""
    return isinstance(error, DistError) or "gloo" in str(error)


class WatchedDDP(DDPStrategy):
    """DDP whose first process watches those that it has started.

    Args:
        watch: The watch.
        options: Of :class:`DDPStrategy`.
    """

    def __init__(self, watch: ProcessWatch, **options: Any) -> None:  # noqa: ANN401
        super().__init__(**options)
        self.watch = watch

    def _configure_launcher(self) -> None:
        environment = self.cluster_environment
        assert environment is not None
        if not environment.creates_processes_externally:
            self._launcher = _WatchingLauncher(
                environment, self.num_processes, self.num_nodes, self.watch
            )


class _WatchingLauncher(_SubprocessScriptLauncher):
    """Lightning's launcher, with our watch in place of its own, which kills without a word."""

    def __init__(self, environment: Any, processes: int, nodes: int, watch: ProcessWatch) -> None:  # noqa: ANN401
        super().__init__(environment, processes, nodes)
        self.watch = watch

    def launch(self, function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:  # noqa: ANN401
        options.pop("trainer", None)
        self.cluster_environment.validate_settings(
            num_devices=self.num_processes, num_nodes=self.num_nodes
        )
        self._call_children_scripts()
        self.watch.watch(self.procs)
        return function(*arguments, **options)
