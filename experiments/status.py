"""``python -m experiments.status``: how runs are getting on, from their folders and from Slurm."""

import argparse
import json
import os
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from datamodules.errors import ConfigError, LightboxError
from experiments.exit_codes import guarded
from experiments.run_folder import RunFolder
from experiments.slurm import GONE, jobs_in_queue

BUSY = ("preparing", "training", "evaluating")
"""States in which a process holds the run."""
ENDED = ("CANCELLED", "FAILED", "TIMEOUT", "NODE_FAIL", "OUT_OF_MEMORY", "BOOT_FAIL", "DEADLINE")
"""States of a job that does not come back."""
TAIL_BYTES = 1 << 16
COLUMNS = ("run", "state", "attempt", "epoch", "metric", "job", "updated")


@dataclass(frozen=True)
class RunState:
    """One run, in a line.

    Attributes:
        run: Experiment and run.
        state: As in status.json; ``died`` where a process should hold the run, and none does;
            ``queued`` where its job waits to go on.
        attempt: How often it was started.
        epoch: Epochs validated, and of how many, such as ``12/30``.
        metric: The monitored metric at the last validation.
        job: Slurm's, with its state where squeue knows it.
        updated: Time since the folder last changed.
        error: Why it failed, or stopped.
        path: Its folder.
    """

    run: str
    state: str
    attempt: int
    epoch: str
    metric: str
    job: str
    updated: str
    error: str | None
    path: str


def main(argv: list[str] | None = None) -> int:
    """Carry out a command line; returns the exit code."""
    return guarded(lambda: _status(_parser().parse_args(argv)))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m experiments.status",
        description="List runs: state, attempt, epoch, metric, job. A run whose process ended"
        " without a word, as when a machine goes down, has died, and can be resumed.",
    )
    parser.add_argument(
        "folders",
        type=Path,
        nargs="*",
        metavar="FOLDER",
        help="runs, or folders of runs (default: $LIGHTBOX_RUNS, else runs)",
    )
    parser.add_argument("--json", action="store_true", help="print all of it for a program")
    return parser


def _status(arguments: argparse.Namespace) -> int:
    given = arguments.folders or [Path(os.environ.get("LIGHTBOX_RUNS", "runs"))]
    folders = [folder for place in given for folder in runs_below(place)]
    states = look_at(folders)
    if arguments.json:
        print(json.dumps([asdict(state) for state in states], indent=1))
        return 0
    print("\n".join(_table(states)))
    return 0


def runs_below(place: Path) -> list[RunFolder]:
    """The run folders at a path, or one or two levels below it, oldest first.

    Raises:
        ConfigError: If there is none.
    """
    place = place.expanduser()
    found = (path for pattern in (".", "*", "*/*") for path in place.glob(f"{pattern}/status.json"))
    paths = sorted({file.parent.resolve() for file in found}, key=lambda path: path.name)
    if not paths:
        raise ConfigError(f"there are no runs in {place}")
    return [RunFolder(path) for path in paths]


def look_at(folders: Sequence[RunFolder]) -> list[RunState]:
    """State of each run; a folder that cannot be read is one, too."""
    statuses = [_readable(folder) for folder in folders]
    jobs = [str(status["slurm_job"]) for status in statuses if status.get("slurm_job")]
    try:
        queue = jobs_in_queue(jobs)
    except LightboxError:
        queue = {}
    return [_state(folder, status, queue) for folder, status in zip(folders, statuses, strict=True)]


def _readable(folder: RunFolder) -> dict[str, Any]:
    try:
        return folder.status()
    except (OSError, ValueError) as error:
        return {"state": "unreadable", "error": str(error), "attempt": 0}


def _state(folder: RunFolder, status: Mapping[str, Any], queue: Mapping[str, str]) -> RunState:
    state, error = status["state"], status.get("error")
    job = status.get("slurm_job")
    if state in (*BUSY, "interrupted") and queue.get(str(job)) == "PENDING":
        state, error = "queued", None  # Slurm itself queued it again
    elif state == "queued" and queue.get(str(job)) in (*ENDED, GONE):
        state, error = "interrupted", "its job ended before it began; submit it again"
    elif state in BUSY and not folder.in_use():
        state = "died"
        error = f"its process ended without a word; see {_console(folder, job)}"
    epoch, metric = _progress(folder)
    return RunState(
        run=folder.name,
        state=state,
        attempt=status["attempt"],
        epoch=epoch,
        metric=metric,
        job=f"{job} {queue.get(str(job), '').replace(GONE, '')}".strip() if job else "",
        updated=_ago(_last_sign(folder, status)),
        error=error,
        path=str(folder.path),
    )


def _console(folder: RunFolder, job: str | None) -> Path:
    return folder.path / "slurm" / f"{job}.log" if job else folder.log_file


def _progress(folder: RunFolder) -> tuple[str, str]:
    """Epochs validated and the monitored metric, from the end of metrics.jsonl."""
    try:
        experiment = folder.experiment()
    except ConfigError:
        return "", ""
    monitor = f"val/{experiment.task.monitor}"
    epochs = experiment.trainer.max_epochs
    for row in _last_rows(folder.metrics_log):
        if monitor in row["values"]:
            value = row["values"][monitor]
            return f"{row['epoch'] + 1}/{epochs}", f"{monitor} {value:.3f}"
    return f"0/{epochs}", ""


def _last_rows(path: Path) -> Iterator[dict[str, Any]]:
    """Rows at the end of a metrics.jsonl, last first; its first rows are not read if it is long."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - TAIL_BYTES))
            lines = file.read().splitlines(keepends=True)
    except OSError:
        return
    for line in reversed(lines):
        if line.startswith(b"{") and line.endswith(b"}\n"):
            yield json.loads(line)


def _last_sign(folder: RunFolder, status: Mapping[str, Any]) -> float:
    """When the folder last changed, seconds since 1970: its state, or a logged value."""
    moments = [file.stat().st_mtime for file in (folder.metrics_log,) if file.exists()]
    if said := status.get("updated"):
        moments.append(datetime.fromisoformat(said).timestamp())
    return max(moments, default=0.0)


def _ago(moment: float) -> str:
    seconds = time.time() - moment
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit} ago"
    return f"{max(0.0, seconds):.0f} s ago"


def _table(states: Sequence[RunState]) -> Iterator[str]:
    rows = [[str(getattr(state, column)) for column in COLUMNS] for state in states]
    widths = [max(map(len, column)) for column in zip(COLUMNS, *rows, strict=True)]
    yield _aligned(COLUMNS, widths)
    for state, row in zip(states, rows, strict=True):
        yield _aligned(row, widths)
        if state.error:
            yield f"    {state.error.splitlines()[0]}"


def _aligned(words: Iterable[str], widths: Sequence[int]) -> str:
    columns = (word.ljust(width) for word, width in zip(words, widths, strict=True))
    return "  ".join(columns).rstrip()


if __name__ == "__main__":
    sys.exit(main())
