"""One attempt at a run: how it began, how it ended, and who is told."""

import json
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from pytorch_lightning.loggers import Logger
from pytorch_lightning.utilities.exceptions import SIGTERMException

from datamodules.errors import LightboxError
from datamodules.whole_files import write_whole
from experiments.environment import describe_environment
from experiments.experiment import Experiment
from experiments.run_folder import RunFolder, now
from experiments.tracking import Mode, build_loggers

log = logging.getLogger("lightbox")


class TerminatedError(LightboxError):
    """The process was told to end (SIGTERM)."""

    exit_code = 143


def begin_attempt(folder: RunFolder) -> int:
    """Count the attempt, and record what it runs on."""
    attempt: int = folder.status()["attempt"] + 1
    folder.update_status(
        attempt=attempt,
        started=now(),
        error=None,
        process=os.getpid(),
        slurm_job=os.environ.get("SLURM_JOB_ID"),
    )
    kept = folder.environment_file
    attempts = json.loads(kept.read_text())["attempts"] if kept.exists() else []
    attempts.append({"attempt": attempt, "started": now(), **describe_environment()})
    write_whole(kept, json.dumps({"attempts": attempts}, indent=2) + "\n")
    return attempt


@contextmanager
def attempted(folder: RunFolder, leading: bool) -> Iterator[None]:
    """Write to the run folder how the attempt ended, whatever happens short of a SIGKILL.

    The other processes of a ddp run leave a note of their own: when one of them fails, Lightning
    kills the leading process, which then cannot say why.
    """
    try:
        yield
    except BaseException as error:
        message = str(error) if isinstance(error, LightboxError) else repr(error)
        if leading:
            _record_failure(folder, error, message)
        else:
            rank = os.environ.get("LOCAL_RANK")
            with folder.log_file.open("a") as file:
                file.write(f"{now()} process {rank} failed: {message}\n")
        if isinstance(error, SIGTERMException):
            raise TerminatedError("terminated; the run can be resumed") from error
        raise
    if leading:
        folder.update_status(state="finished", finished=now())


def _record_failure(folder: RunFolder, error: BaseException, message: str) -> None:
    stopped = isinstance(error, KeyboardInterrupt | SIGTERMException)
    state = "interrupted" if stopped else "failed"
    folder.update_status(state=state, error=type(error).__name__ if stopped else message)
    if stopped:
        print(f"go on with: python -m experiments.run --resume {folder.path}", file=sys.stderr)
    elif not isinstance(error, LightboxError):
        log.error("failed: %r", error)


@contextmanager
def tracked(
    experiment: Experiment, folder: RunFolder, attempt: int, mode: Mode
) -> Iterator[list[Logger]]:
    """Loggers for one attempt; W&B is told how it ended."""
    loggers = build_loggers(experiment, folder, attempt, mode)
    exit_code = 1
    try:
        yield loggers
        exit_code = 0
    finally:
        if loggers:
            from experiments.wandb_results import finish

            finish(loggers, exit_code)
