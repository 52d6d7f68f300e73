"""A run is a folder: created exclusively, locked while in use, read by every other verb."""

import fcntl
import json
import os
import secrets
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Self, TextIO

from datamodules.errors import ConfigError
from datamodules.whole_files import append_lines, write_whole
from experiments.experiment import Experiment

SHARED_WITH_RANKS = "LIGHTBOX_RUN_FOLDER"
"""Environment variable by which the first process tells the others of its run folder."""

SECONDS_FOR_OWN_JOB, SECONDS_FOR_SUBMISSION = 90.0, 15.0


class RunFolder:
    """The files of one run, by name.

    Args:
        path: An existing run folder; :meth:`create` makes one, :meth:`open` checks one.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.experiment_file = path / "experiment.yaml"
        self.environment_file = path / "environment.json"
        self.splits_file = path / "splits.csv"
        self.status_file = path / "status.json"
        self.log_file = path / "run.log"
        self.metrics_log = path / "metrics.jsonl"
        self.metrics_file = path / "metrics.json"
        self.ledger_file = path / "test_openings.jsonl"
        self.checkpoints = path / "checkpoints"
        self.predictions = path / "predictions"
        self.rows = path / "rows"
        self.figures = path / "figures"
        self.report_file = path / "report.html"

    @classmethod
    def create(cls, experiment: Experiment) -> Self:
        """Make a new folder under ``$LIGHTBOX_RUNS``, or under ``runs`` in the working directory.

        Raises:
            ConfigError: If the folder cannot be made.
        """
        root = Path(os.environ.get("LIGHTBOX_RUNS", "runs")).expanduser()
        while True:
            stamp = datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")
            path = root / experiment.name / f"{stamp}-{secrets.token_hex(2)}"
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.mkdir()
            except FileExistsError:
                continue
            except OSError as error:
                raise ConfigError(
                    f"cannot make a run folder in {root}: {error.strerror};"
                    " set LIGHTBOX_RUNS to a folder that can be written"
                ) from error
            break
        return cls.create_at(path, experiment)

    @classmethod
    def create_at(cls, path: Path, experiment: Experiment) -> Self:
        """Make the folder of a run at a place of one's choice, where there is no run yet.

        Args:
            path: May be there already, as when its making was broken off.
            experiment: What the run carries out.
        """
        folder = cls(path.resolve())
        folder.path.mkdir(parents=True, exist_ok=True)
        write_whole(folder.experiment_file, experiment.to_yaml())
        folder.update_status(state="created", attempt=0, created=now(), wandb_id=_wandb_id())
        return folder

    @classmethod
    def open(cls, path: Path) -> Self:
        """The folder of an existing run.

        Raises:
            ConfigError: If it is not one; names the nearest.
        """
        folder = cls(path.expanduser().resolve())
        if folder.experiment_file.is_file() and folder.status_file.is_file():
            return folder
        siblings = path.parent.iterdir() if path.parent.is_dir() else ()
        runs = {run.name: run for run in siblings if (run / "status.json").is_file()}
        near = get_close_matches(path.name, runs, n=1)
        raise ConfigError(
            f"{path} is not a run folder (it has no experiment.yaml and status.json)"
            + (f"; did you mean {runs[near[0]]}?" if near else "")
        )

    @property
    def name(self) -> str:
        """Experiment and run, without the place on this machine."""
        return f"{self.path.parent.name}/{self.path.name}"

    @property
    def has_trained(self) -> bool:
        """Whether it has done at least a step, as far as it is logged."""
        return self.metrics_log.exists() and self.metrics_log.stat().st_size > 0

    def experiment(self) -> Experiment:
        """The experiment that the run executes."""
        return Experiment.from_yaml(self.experiment_file)

    def status(self) -> dict[str, Any]:
        """State, attempt, ids and times."""
        status: dict[str, Any] = json.loads(self.status_file.read_text())
        return status

    def update_status(self, **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON values
        """Change some of the status; the file is replaced whole."""
        before = self.status() if self.status_file.exists() else {}
        status = {**before, **changes, "updated": now()}
        write_whole(self.status_file, json.dumps(status, indent=2) + "\n")
        return status

    def metrics(self) -> dict[str, Any]:
        """The final figures.

        Raises:
            ConfigError: If the run has not come that far.
        """
        if not self.metrics_file.exists():
            raise ConfigError(
                f"run {self.name} has no final figures yet; its state is {self.status()['state']}"
            )
        figures: dict[str, Any] = json.loads(self.metrics_file.read_text())
        return figures

    def record_test_opening(self, **facts: Any) -> None:  # noqa: ANN401 - JSON values
        """Add a line to the ledger of test openings."""
        append_lines(self.ledger_file, json.dumps({"time": now(), **facts}) + "\n")

    def test_openings(self) -> list[dict[str, Any]]:
        """How often, when and by which revision a test split was opened."""
        if not self.ledger_file.exists():
            return []
        return [json.loads(line) for line in self.ledger_file.read_text().splitlines()]

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the run for this process; the kernel lets go of it when the process dies.

        POSIX record locks are used since they also hold between the machines of an NFS. A process
        of the same Slurm job, which ends as the job begins anew elsewhere, is waited for.

        Raises:
            ConfigError: If another process holds it; says which.
        """
        with (self.path / ".lock").open("a+") as file:
            began = time.monotonic()
            while (holder := _taken(file)) is not None:
                if time.monotonic() - began > _patience_with(holder):
                    raise ConfigError(f"run {self.name} is in use by {holder}")
                time.sleep(1)
            file.truncate(0)
            file.write(_holder())
            file.flush()
            yield

    def in_use(self) -> bool:
        """Whether a process holds the run, on this machine or another one; takes no lock itself.

        Not for the process that holds it: closing the file here would let go of its lock.
        """
        wanted = struct.pack("hhqqi", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        try:
            with (self.path / ".lock").open() as file:
                found = fcntl.fcntl(file, fcntl.F_GETLK, wanted)
        except FileNotFoundError:
            return False
        except OSError:
            return True  # a filesystem without locks, or somebody else's run: not known to be free
        return bool(struct.unpack("hhqqi", found)[0] != fcntl.F_UNLCK)


def _wandb_id() -> str:
    """An id of our own choice; in a sweep of W&B's, that which its agent waits for."""
    if "WANDB_SWEEP_ID" in os.environ and (given := os.environ.get("WANDB_RUN_ID")):
        return given
    return secrets.token_hex(4)


def _taken(file: TextIO) -> str | None:
    """Take the lock; or say who holds it."""
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        file.seek(0)
        return file.read().strip() or "another process"
    except OSError as error:
        raise ConfigError(
            f"cannot lock {file.name}: {error.strerror}; set LIGHTBOX_RUNS to a folder on a"
            " filesystem with locks"
        ) from error
    return None


def _patience_with(holder: str) -> float:
    """A job waits for its own last attempt, and a moment for the command that submits it."""
    job = os.environ.get("SLURM_JOB_ID")
    if job is None:
        return 0.0
    return SECONDS_FOR_OWN_JOB if holder.endswith(f", job {job}") else SECONDS_FOR_SUBMISSION


def _holder() -> str:
    job = os.environ.get("SLURM_JOB_ID")
    return f"process {os.getpid()} on {socket.gethostname()}" + (f", job {job}" if job else "")


def now() -> str:
    """This moment, ISO 8601 with time zone, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
