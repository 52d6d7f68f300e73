"""One attempt at a run: how it began, how it ended, and who is told."""

import json
import logging
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pytorch_lightning.loggers import Logger

from callbacks.metrics_log import last_step
from callbacks.stop_request import StopRequest
from datamodules.errors import LightboxError, StoppedError
from datamodules.whole_files import is_full, write_whole
from experiments.environment import describe_environment
from experiments.experiment import Experiment
from experiments.process_watch import ProcessWatch
from experiments.processes import Process, await_preparation, this_process
from experiments.run_folder import RunFolder, now
from experiments.slurm_job import job_id, requeue
from experiments.trackers import build_trackers
from experiments.wandb_tracking import Mode, build_loggers

log = logging.getLogger("lightbox")


@dataclass(frozen=True, eq=False)
class Attempt:
    """What an attempt at a run has for itself.

    Attributes:
        folder: The run.
        number: From 1.
        process: Which of its processes this one is.
        request: Whether it was told to stop.
        watch: Watches the other processes, where this one started them.
    """

    folder: RunFolder
    number: int
    process: Process
    request: StopRequest
    watch: ProcessWatch

    @classmethod
    def begin(cls, folder: RunFolder, process: Process, request: StopRequest) -> "Attempt":
        """Count the attempt, and record what it runs on; other processes wait until that is done.

        Those that the first process starts only begin when everything is prepared.
        """
        if process.leading:
            number = _count(folder, process)
        else:
            if process.together:
                await_preparation(folder, process)
            number = folder.status()["attempt"]
        parent = None if process.leading or process.together else os.getppid()
        return cls(folder, number, process, request, _watch(folder, parent))

    @classmethod
    def unrecorded(cls, folder: RunFolder) -> "Attempt":
        """The first, in one process that nobody stops, without a trace in the folder."""
        process = this_process({})
        return cls(folder, 1, process, StopRequest(leading=True), _watch(folder))


def _count(folder: RunFolder, process: Process) -> int:
    number: int = folder.status()["attempt"] + 1
    folder.update_status(
        state="preparing",  # from here on the others of this start believe what they read
        attempt=number,
        started=now(),
        error=None,
        process=os.getpid(),
        launch=process.launch,
        slurm_job=job_id() or folder.status().get("slurm_job"),
    )
    kept = folder.environment_file
    attempts = json.loads(kept.read_text())["attempts"] if kept.exists() else []
    attempts.append({"attempt": number, "started": now(), **describe_environment()})
    write_whole(kept, json.dumps({"attempts": attempts}, indent=2) + "\n")
    return number


def _watch(folder: RunFolder, parent: int | None = None) -> ProcessWatch:
    return ProcessWatch(lambda message: folder.update_status(state="failed", error=message), parent)


@contextmanager
def attempted(folder: RunFolder, process: Process) -> Iterator[None]:
    """Write to the run folder how the attempt ended, whatever happens short of a SIGKILL.

    A Slurm job that is warned of its time limit queues again. Processes that do not lead leave a
    line of their own in run.log.
    """
    try:
        yield
    except BaseException as error:
        if not process.leading:
            known = isinstance(error, LightboxError | StoppedError)
            message = str(error) if known else repr(error)
            with folder.log_file.open("a") as file:
                file.write(f"{now()} process {process.rank} ended: {message}\n")
            if isinstance(error, StoppedError) and process.together:
                raise SystemExit(0) from error  # the leading process says how the job ends
            raise
        try:
            _record_end(folder, error)
        except OSError as fault:  # a full disk keeps nobody from hearing what went wrong
            log.error("how it ended could not be recorded: %s", fault.strerror)
        raise
    if process.leading:
        folder.update_status(state="finished", finished=now())


def _record_end(folder: RunFolder, error: BaseException) -> None:
    if isinstance(error, StoppedError):
        _record_stop(folder, error)
    elif isinstance(error, KeyboardInterrupt):
        folder.update_status(state="interrupted", error=type(error).__name__)
        _say_how_to_go_on(folder)
    else:
        known = isinstance(error, LightboxError) or is_full(error)
        folder.update_status(state="failed", error=str(error) if known else repr(error))
        if not known:
            log.error("failed: %r", error)


def _record_stop(folder: RunFolder, error: StoppedError) -> None:
    """Queue again if Slurm warned of the time limit; every other stop is somebody's decision.

    Raises:
        SystemExit: With 0, if the job is queued again.
    """
    _note_stop(folder, error)
    job, status = job_id(), folder.status()
    if job is None or error.signal != signal.SIGUSR1 or not folder.experiment().slurm.requeue:
        _say_how_to_go_on(folder)
        return
    fault: str | None = "it came no further than last time; raise --slurm.time"
    if status["reached"] != status.get("reached_before"):
        log.info("%s: the state is saved, and job %s queues again", error.signal.name, job)
        folder.update_status(state="queued", error=None, reached_before=status["reached"])
        fault = requeue(job)  # the job may end as soon as Slurm is asked
    if fault is None:
        raise SystemExit(0) from error
    folder.update_status(state="interrupted", error=f"job {job} is not queued again: {fault}")
    log.error("job %s is not queued again: %s", job, fault)
    _say_how_to_go_on(folder)


def _note_stop(folder: RunFolder, error: StoppedError) -> None:
    """Record that it was told to stop, and how far it had come; once."""
    state = folder.status()["state"]
    if state != "interrupted":
        reached = [state, last_step(folder.metrics_log)]
        folder.update_status(state="interrupted", error=str(error), reached=reached)


def _say_how_to_go_on(folder: RunFolder) -> None:
    script = folder.path / "submit.sh"
    again = f"sbatch {script}" if job_id() is not None and script.exists() else None
    command = again or f"python -m experiments.run --resume {folder.path}"
    print(f"go on with: {command}", file=sys.stderr)


@contextmanager
def tracked(experiment: Experiment, attempt: Attempt, mode: Mode) -> Iterator[list[Logger]]:
    """Loggers for one attempt; W&B is told how it ended."""
    loggers = build_loggers(experiment, attempt.folder, attempt.number, mode)
    exit_code = 1
    try:
        others: list[Logger] = []
        if attempt.process.leading:
            others = build_trackers(experiment, attempt.folder, attempt.number)
        yield [*loggers, *others]
        exit_code = 0
    except StoppedError as error:
        if attempt.process.leading:  # before W&B, which may take longer than there is
            _note_stop(attempt.folder, error)
        raise
    finally:
        if loggers:
            from experiments.wandb_results import finish

            finish(loggers, exit_code)
