"""Processes that the first one of a run has started: watched, named when they die, never left."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Self

from pytorch_lightning.strategies import DDPStrategy
from pytorch_lightning.strategies.launchers import _SubprocessScriptLauncher

LOOK_EVERY_SECONDS = 0.5
GRACE_SECONDS = 10.0
"""How long the others have to end by themselves, as they do where all fail alike."""
Process = subprocess.Popen[bytes]


class ProcessWatch:
    """Ends the run when one of its processes dies, and says which one it was.

    Without it the others would wait for the dead one, in a collective that nothing can interrupt.

    Args:
        record: Called with the message before everything ends.
    """

    def __init__(self, record: Callable[[str], object]) -> None:
        self.record = record
        self.processes: Sequence[Process] = ()
        self._over = threading.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Wait for the others, and end those that wait for this one."""
        self._over.set()
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

    def _dead(self) -> list[str]:
        codes = [(rank, process.poll()) for rank, process in enumerate(self.processes, start=1)]
        return [f"process {rank} {_how(code)}" for rank, code in codes if code]

    def _end_all(self, dead: Sequence[str]) -> None:
        message = (
            f"{' and '.join(dead)} of {len(self.processes) + 1}, and the others cannot go on;"
            " the run can be resumed"
        )
        for process in self.processes:
            process.kill()
        try:
            self.record(message)
            print(f"error: {message}", file=sys.stderr, flush=True)
        finally:
            os._exit(1)


def _how(code: int) -> str:
    if code < 0:
        return f"was killed by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"


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
