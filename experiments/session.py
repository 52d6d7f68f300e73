"""From an experiment and a run folder to a trained, evaluated and reported model."""

import hashlib
import json
import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.loggers import Logger

from callbacks.checkpoint_files import BEST, newest_readable, read_checkpoint
from callbacks.provenance import Provenance
from datamodules.base import TaskDataModule
from datamodules.errors import ConfigError, LightboxError
from experiments.environment import describe_environment
from experiments.final_evaluation import evaluate_run
from experiments.experiment import Experiment
from experiments.initial_weights import initialise
from experiments.run_folder import SHARED_WITH_RANKS, RunFolder, now, write_whole
from experiments.run_log import logged_to, without_noise
from experiments.tasks import build_data, build_module
from experiments.tracking import Mode, Tracking, build_loggers, choose_tracking
from experiments.trainers import build_trainer, check_precision
from experiments.wandb_results import finish
from lightning_modules.base import TaskModule

log = logging.getLogger("lightbox")


def is_leading_process() -> bool:
    """Whether this process owns the run folder; the other processes of a ddp run only compute."""
    return int(os.environ.get("LOCAL_RANK", os.environ.get("SLURM_PROCID", "0"))) == 0


def start(
    experiment: Experiment,
    module: TaskModule | None = None,
    data: TaskDataModule | None = None,
    callbacks: Sequence[pl.Callback] = (),
) -> RunFolder:
    """Create a run folder and carry the experiment out in it.

    Args:
        experiment: Settings.
        module: A module of your own, in place of the one that ``experiment.task`` names.
        data: A datamodule of your own, in place of the one that ``experiment.data`` names.
        callbacks: Lightning callbacks of your own, beside those of Lightbox.

    Returns:
        The folder, with everything in it.

    Raises:
        LightboxError: Anything that the user can mend; the run folder keeps what was reached.
    """
    check_precision(experiment.trainer)
    tracking = choose_tracking(experiment.logging)
    if data is None:
        data = build_data(experiment)
    data.read()
    if is_leading_process():
        folder = RunFolder.create(experiment)
    else:
        folder = RunFolder.open(Path(os.environ[SHARED_WITH_RANKS]))
    carry_out(folder, tracking, module, data, callbacks)
    return folder


def resume(
    folder: RunFolder,
    experiment: Experiment | None = None,
    module: TaskModule | None = None,
    data: TaskDataModule | None = None,
    callbacks: Sequence[pl.Callback] = (),
) -> None:
    """Go on with a run where it stopped.

    Args:
        folder: The run.
        experiment: Its experiment with the few changes that a resume allows; None: unchanged.
        module: As for :func:`start`; must be built as it was then.
        data: As for :func:`start`.
        callbacks: As for :func:`start`.

    Raises:
        ConfigError: If a run that had begun to train has no checkpoint.
        LightboxError: As for :func:`start`.
    """
    experiment = experiment or folder.experiment()
    check_precision(experiment.trainer)
    tracking = choose_tracking(experiment.logging)
    if folder.status()["state"] == "finished" and experiment == folder.experiment():
        print(f"run {folder.name} is finished: {folder.report_file}")
        return
    if is_leading_process():
        state = folder.status()["state"]
        checkpoint = newest_readable(folder.checkpoints)
        if checkpoint is None and state not in ("created", "queued", "preparing"):
            raise ConfigError(
                f"run {folder.name} ({state}) has no checkpoint to go on from; start it anew:"
                f" python -m experiments.run --config {folder.experiment_file}"
            )
        if experiment != folder.experiment():
            with folder.locked():
                write_whole(folder.experiment_file, experiment.to_yaml())
    carry_out(folder, tracking, module, data, callbacks)


def carry_out(
    folder: RunFolder,
    tracking: Tracking,
    module: TaskModule | None = None,
    data: TaskDataModule | None = None,
    callbacks: Sequence[pl.Callback] = (),
) -> None:
    """Train (from the newest checkpoint, if any), evaluate and report, under the run's lock."""
    leading = is_leading_process()
    os.environ[SHARED_WITH_RANKS] = str(folder.path)
    lock = folder.locked() if leading else nullcontext()
    console = logged_to(folder.log_file) if leading else without_noise()
    with lock, console, _status_kept(folder, leading):
        experiment = folder.experiment()
        attempt = _begin_attempt(folder) if leading else folder.status()["attempt"]
        if leading:
            log.info("run %s, attempt %d", folder.name, attempt)
            log.info("Weights & Biases: %s (%s)", tracking.mode, tracking.reason)
            folder.update_status(state="preparing")
        data, module = _prepare(experiment, folder, module, data)
        if leading:
            _announce(data)
            folder.update_status(state="training")
        mode = tracking.mode if leading else "off"
        with _tracked(experiment, folder, attempt, mode) as loggers:
            _fit(experiment, module, data, folder, attempt, loggers, callbacks)
            if leading:
                folder.update_status(state="evaluating")
            evaluate_run(experiment, module, data, folder, attempt, loggers)


@contextmanager
def _tracked(
    experiment: Experiment, folder: RunFolder, attempt: int, mode: Mode
) -> Iterator[list[Logger]]:
    """Loggers for one attempt; W&B is told how it ended."""
    loggers = build_loggers(experiment, folder, attempt, mode)
    exit_code = 1
    try:
        yield loggers
        exit_code = 0
    finally:
        finish(loggers, exit_code)


def _prepare(
    experiment: Experiment,
    folder: RunFolder,
    module: TaskModule | None,
    data: TaskDataModule | None,
) -> tuple[TaskDataModule, TaskModule]:
    if data is None:
        data = build_data(experiment)
    data.prepare(folder.splits_file)
    if module is None:
        module = build_module(experiment, data)
    return data, module


def _fit(
    experiment: Experiment,
    module: TaskModule,
    data: TaskDataModule,
    folder: RunFolder,
    attempt: int,
    loggers: Sequence[Logger],
    callbacks: Sequence[pl.Callback],
) -> None:
    found = newest_readable(folder.checkpoints)
    if found is not None:
        for fault in found[1]:
            log.warning("%s; going on from %s", fault, found[0].name)
    elif experiment.task.init_from is not None:
        log.info(initialise(module, Path(experiment.task.init_from)))
    if experiment.trainer.compile:
        module.network.compile()
    provenance = Provenance(_facts(experiment, data, folder), must_match=("run", "splits"))
    trainer = build_trainer(experiment, module, folder, attempt, loggers, [provenance, *callbacks])
    trainer.fit(module, datamodule=data, ckpt_path=found[0] if found is not None else None)
    if trainer.interrupted:
        raise KeyboardInterrupt


def _facts(experiment: Experiment, data: TaskDataModule, folder: RunFolder) -> dict[str, Any]:
    return {
        "format": 1,
        "run": folder.name,
        "experiment": experiment.public(),
        "data": data.facts(),
        "splits": hashlib.sha256(folder.splits_file.read_bytes()).hexdigest(),
        "operating_point": None,
    }


def _begin_attempt(folder: RunFolder) -> int:
    status = folder.status()
    attempt: int = status["attempt"] + 1
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


def _announce(data: TaskDataModule) -> None:
    counts = {split: len(data.indices(split)) for split in ("train", "val", "test")}
    patients = len({case.patient_id for case in data.table.cases})
    log.info(
        "%s: %d cases%s; %s",
        data.table.name,
        len(data.table.cases),
        f" of {patients} patients" if data.table.has_patients else " (patients not known)",
        ", ".join(f"{split} {count}" for split, count in counts.items()),
    )
    for notice in data.notices:
        log.info("note: %s", notice)


@contextmanager
def _status_kept(folder: RunFolder, leading: bool) -> Iterator[None]:
    """Write to status.json how the attempt ended, whatever happens short of a SIGKILL."""
    try:
        yield
    except KeyboardInterrupt:
        if leading:
            folder.update_status(state="interrupted", error="interrupted by the user")
            log.info("interrupted; go on with: python -m experiments.run --resume %s", folder.path)
        raise
    except BaseException as error:
        if leading:
            message = str(error) if isinstance(error, LightboxError) else repr(error)
            folder.update_status(state="failed", error=message)
            if not isinstance(error, LightboxError):
                log.error("failed: %r", error)
        raise
    if leading:
        folder.update_status(state="finished", finished=now())


def best_checkpoint(folder: RunFolder) -> dict[str, Any]:
    """The best checkpoint of a run, verified."""
    return read_checkpoint(folder.checkpoints / BEST)
