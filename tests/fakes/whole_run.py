"""A run in processes of its own, through the command line, that can be signalled and killed."""

import atexit
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from callbacks.metrics_log import read_metrics
from experiments.run_folder import RunFolder

ROOT = Path(__file__).resolve().parents[2]
LOOK_EVERY_SECONDS = 0.02
PATIENCE_SECONDS = 300.0


class Ended(NamedTuple):
    """How an attempt ended."""

    code: int
    console: str


class WholeRun:
    """One run and its attempts; each is a process group of its own.

    Args:
        home: Holds its ``runs``, what the console showed, and the cache unless that is given.
        words: Those of ``python -m experiments.run`` that start it.
        environment: In place of, or beside, that of this process.
    """

    def __init__(
        self, home: Path, words: Sequence[object], environment: Mapping[str, str] | None = None
    ) -> None:
        self.home, self.words = home, [str(word) for word in words]
        self.environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "LIGHTBOX_RUNS": str(home / "runs"),
            "LIGHTBOX_CACHE": str(home / "cache"),
            "OMP_NUM_THREADS": "1",
            **(environment or {}),
        }
        self.attempts = 0
        home.mkdir(parents=True, exist_ok=True)

    @property
    def found(self) -> RunFolder | None:
        """Its folder; None: it has none yet."""
        statuses = list(self.home.glob("runs/*/*/status.json"))
        return RunFolder.open(statuses[0].parent) if statuses else None

    @property
    def folder(self) -> RunFolder:
        assert self.found is not None, self.console()
        return self.found

    def begin(self) -> subprocess.Popen[bytes]:
        """Start the run, or go on with it."""
        words = ["--resume", str(self.found.path)] if self.found else self.words
        self.attempts += 1
        with self._console_file.open("wb") as console:
            process = subprocess.Popen(
                [sys.executable, "-m", "experiments.run", *words],
                env=self.environment,
                stdout=console,
                stderr=console,
                start_new_session=True,
                cwd=self.home,
            )
        atexit.register(_kill_what_runs, process)
        return process

    def finish(self) -> RunFolder:
        """Carry it out to its end."""
        ended = self.end_of(self.begin())
        assert ended.code == 0, ended.console
        return self.folder

    def end_of(self, process: subprocess.Popen[bytes]) -> Ended:
        return Ended(process.wait(PATIENCE_SECONDS), self.console())

    def console(self) -> str:
        """What the last attempt has shown."""
        return self._console_file.read_text()

    @property
    def _console_file(self) -> Path:
        return self.home / f"console-{self.attempts}.log"

    def last_step(self) -> int:
        """The last one that this attempt has logged."""
        rows = read_metrics(self.found.metrics_log) if self.found else []
        return max((row["step"] for row in rows if row["attempt"] == self.attempts), default=0)

    def wait_for_step(self, process: subprocess.Popen[bytes], step: int) -> bool:
        """Wait until a step is logged; whether it was, before the process ended."""
        wait_for(
            lambda: self.last_step() >= step or process.poll() is not None,
            f"step {step} is logged",
            PATIENCE_SECONDS,
        )
        return process.poll() is None


def kill_all(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL a process and all that it has started, and see them gone."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    wait_for(lambda: not members(process.pid), "the last of them is gone")


def _kill_what_runs(process: subprocess.Popen[bytes]) -> None:
    """Nothing outlives a test that failed, or a script that was stopped."""
    if process.poll() is None:
        kill_all(process)


def members(group: int) -> list[int]:
    """The processes of a process group that have not ended."""
    return [process for process, state, of in _processes() if of == group and state != "Z"]


def environment_of(process: int) -> dict[str, str]:
    raw = Path(f"/proc/{process}/environ").read_bytes().decode().split("\0")
    return dict(entry.split("=", 1) for entry in raw if "=" in entry)


def wait_for(holds: Callable[[], bool], what: str, seconds: float = 60.0) -> None:
    """Wait until something holds.

    Raises:
        AssertionError: If it does not in that time.
    """
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, f"waited {seconds} s in vain until {what}"
        time.sleep(LOOK_EVERY_SECONDS)


def _processes() -> Iterator[tuple[int, str, int]]:
    """Process, state and process group of all that there are."""
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(FileNotFoundError, ProcessLookupError):
            fields = (folder / "stat").read_text().rpartition(") ")[2].split()
            yield int(folder.name), fields[0], int(fields[2])
