"""From an experiment and a run folder to a trained, evaluated and reported model."""

import logging
import os
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

import pytorch_lightning as pl

from callbacks.checkpoint_files import newest_readable
from datamodules.base import TaskDataModule
from datamodules.errors import ConfigError
from datamodules.whole_files import write_whole
from experiments.attempt import attempted, begin_attempt, tracked
from experiments.experiment import Experiment
from experiments.run_folder import SHARED_WITH_RANKS, RunFolder
from experiments.run_log import logged_to, without_noise
from experiments.tasks import build_data, build_module, check_inputs, check_task
from experiments.tracking import Tracking, choose_tracking
from experiments.trainers import check_precision
from experiments.training import fit
from lightning_modules.base import TaskModule

log = logging.getLogger("lightbox")


def is_leading_process() -> bool:
    """Whether this process owns the run folder; the other processes of a ddp run only compute."""
    return int(os.environ.get("LOCAL_RANK", "0")) == 0


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
        LightboxError: Anything that the user can mend. What can be seen without training leaves no
            folder behind; after that the folder keeps what was reached.
    """
    check_precision(experiment.trainer)
    tracking = choose_tracking(experiment.logging)
    if module is None:
        check_task(experiment)
    if data is None:
        data = build_data(experiment)
    with logged_to(None) if is_leading_process() else without_noise():
        data.check()
    if module is None:
        check_inputs(experiment, data)
    folder = RunFolder.create(experiment) if is_leading_process() else _shared_folder()
    _carry_out(folder, tracking, module, data, callbacks)
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
    kept = folder.experiment()
    experiment = experiment or kept
    check_precision(experiment.trainer)
    tracking = choose_tracking(experiment.logging)
    if is_leading_process():
        status = folder.status()
        longer = experiment.trainer.max_epochs > kept.trainer.max_epochs
        if status["state"] == "finished" and not longer:
            print(f"run {folder.name} is finished: {folder.report_file}")
            return
        if status.get("trained") and newest_readable(folder.checkpoints) is None:
            raise ConfigError(
                f"run {folder.name} has trained, but has no checkpoint to go on from; start it"
                f" anew: python -m experiments.run --config {folder.experiment_file}"
            )
        if experiment != kept:
            with folder.locked():
                write_whole(folder.experiment_file, experiment.to_yaml())
    _carry_out(folder, tracking, module, data, callbacks)


def _carry_out(
    folder: RunFolder,
    tracking: Tracking,
    module: TaskModule | None,
    data: TaskDataModule | None,
    callbacks: Sequence[pl.Callback],
) -> None:
    """Train (from the newest checkpoint, if any), evaluate and report, under the run's lock."""
    leading = is_leading_process()
    os.environ[SHARED_WITH_RANKS] = str(folder.path)
    lock = folder.locked() if leading else nullcontext()
    console = logged_to(folder.log_file) if leading else without_noise()
    with lock, console, attempted(folder, leading):
        experiment = folder.experiment()
        attempt = begin_attempt(folder) if leading else folder.status()["attempt"]
        if leading:
            log.info("run %s, attempt %d", folder.name, attempt)
            log.info("Weights & Biases: %s (%s)", tracking.mode, tracking.reason)
            folder.update_status(state="preparing")
        found = newest_readable(folder.checkpoints)
        if data is None:
            data = build_data(experiment)
        data.prepare(folder.splits_file)
        data.check_processes(experiment.trainer.devices)
        if module is None:
            module = build_module(experiment, data, load_weights=found is None)
        if leading:
            _announce(data)
            folder.update_status(state="training", trained=True)
        mode = tracking.mode if leading else "off"
        with tracked(experiment, folder, attempt, mode) as loggers:
            fit(experiment, module, data, folder, attempt, found, loggers, callbacks)
            if leading:
                folder.update_status(state="evaluating")
            from experiments.final_evaluation import evaluate_run  # figures, once they are drawn

            evaluate_run(experiment, module, data, folder, attempt, loggers)


def _shared_folder() -> RunFolder:
    if SHARED_WITH_RANKS not in os.environ:
        raise ConfigError(
            "this process was not started by Lightbox: start one process with"
            " --trainer.devices N, and it starts the others"
        )
    return RunFolder.open(Path(os.environ[SHARED_WITH_RANKS]))


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
