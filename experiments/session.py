"""From an experiment and a run folder to a trained, evaluated and reported model."""

import logging
import os
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

import pytorch_lightning as pl

from callbacks.checkpoint_files import Found, newest_readable
from callbacks.metrics_log import keep_until
from callbacks.stop_request import StopRequest
from datamodules.base import TaskDataModule
from datamodules.errors import ConfigError
from datamodules.whole_files import remove_unfinished, write_whole
from experiments.attempt import Attempt, attempted, tracked
from experiments.experiment import Experiment
from experiments.hardware import check_hardware
from experiments.processes import Process, check_size, check_unclaimed, claim, this_process
from experiments.run_folder import SHARED_WITH_RANKS, RunFolder
from experiments.run_log import logged_to, without_noise
from experiments.slurm import going_on, submit
from experiments.slurm_job import cpus_of_process, warn_of_unused_gpus
from experiments.tasks import build_data, build_module, checked_data
from experiments.trackers import check_trackers
from experiments.training import fit
from experiments.wandb_tracking import Tracking, choose_tracking
from lightning_modules.base import TaskModule

log = logging.getLogger("lightbox")

NOT_LEADING = Tracking("off", "the leading process does it")


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
    process = this_process()
    if process.together:
        raise ConfigError(
            f"{process.launcher} started {process.world_size} processes, and none has a run folder"
            " yet: make it with --slurm.dry-run, and start the processes with --resume RUN"
        )
    _check_machine(process, experiment)
    check_unclaimed(experiment.trainer)
    check_trackers(experiment.logging)
    tracking = choose_tracking(experiment.logging) if process.leading else NOT_LEADING
    with logged_to(None) if process.leading else without_noise():
        if module is None:
            data = checked_data(experiment, data)
        else:  # a module of your own may take other tasks and inputs
            data = data or build_data(experiment)
            data.check()
    folder = RunFolder.create(experiment) if process.leading else _shared_folder()
    _carry_out(folder, process, tracking, module, data, callbacks)
    return folder


def submit_run(folder: RunFolder | None, experiment: Experiment, *, dry_run: bool) -> RunFolder:
    """Hand a run to Slurm.

    Args:
        folder: A run that has begun; None: make one.
        experiment: Settings; for a run that has begun, those that it goes on with.
        dry_run: Only write the job's script.

    Returns:
        The folder, with a ``submit.sh``.

    Raises:
        LightboxError: Anything that the user can mend. What can be seen without training leaves no
            folder behind.
    """
    if folder is not None:
        if _is_complete(folder, experiment):
            _say_finished(folder)
            return folder
        _change(folder, going_on(folder, experiment))
    else:
        with logged_to(None):
            checked_data(experiment)
        folder = RunFolder.create(experiment)
    submit(folder, dry_run=dry_run)
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
    process = this_process()
    _check_machine(process, experiment)
    check_unclaimed(experiment.trainer)
    check_trackers(experiment.logging)
    if _is_complete(folder, experiment):
        if process.leading:
            _say_finished(folder)
        return
    tracking = NOT_LEADING
    if process.leading:
        tracking = choose_tracking(experiment.logging)
        if folder.has_trained and newest_readable(folder.checkpoints) is None:
            raise ConfigError(
                f"run {folder.name} has trained, but has no checkpoint to go on from; start it"
                f" anew: python -m experiments.run --config {folder.experiment_file}"
            )
        _change(folder, experiment)
    _carry_out(folder, process, tracking, module, data, callbacks)


def _carry_out(
    folder: RunFolder,
    process: Process,
    tracking: Tracking,
    module: TaskModule | None,
    data: TaskDataModule | None,
    callbacks: Sequence[pl.Callback],
) -> None:
    """Train (from the newest checkpoint, if any), evaluate and report, under the run's lock."""
    leading = process.leading
    os.environ[SHARED_WITH_RANKS] = str(folder.path)
    lock = folder.locked() if leading else nullcontext()
    console = logged_to(folder.log_file) if leading else without_noise()
    claim(folder.experiment().trainer)
    request = StopRequest(leading, folder.experiment().slurm.warning_seconds)
    with lock, console, request.listening(), attempted(folder, process):
        attempt = Attempt.begin(folder, process, request)
        experiment = with_allocated_workers(folder.experiment())
        if leading:
            log.info("run %s, attempt %d", folder.name, attempt.number)
            log.info("Weights & Biases: %s (%s)", tracking.mode, tracking.reason)
            warn_of_unused_gpus(experiment.trainer.accelerator)
            remove_unfinished(folder.path)
            folder.update_status(state="preparing")
        found = newest_readable(folder.checkpoints) if leading else _chosen_checkpoint(folder)
        if data is None:
            data = build_data(experiment)
        data.prepare(folder.splits_file)
        data.check_processes(experiment.trainer.devices * experiment.trainer.nodes)
        if module is None:
            module = build_module(experiment, data, load_weights=found is None)
        if leading:
            _announce(data)
            keep_until(folder.metrics_log, 0 if found is None else found.step)
            folder.update_status(
                state="training",
                prepared=process.launch,
                going_on_from=None if found is None else [found.path.name, found.step],
            )
        mode = tracking.mode if leading else "off"
        with tracked(experiment, attempt, mode) as loggers, attempt.watch:
            fit(experiment, module, data, attempt, found, loggers, callbacks)
            if leading:
                folder.update_status(state="evaluating")
            from experiments.final_evaluation import evaluate_run  # figures, once they are drawn

            evaluate_run(experiment, module, data, attempt, loggers)


def _chosen_checkpoint(folder: RunFolder) -> Found | None:
    """What the leading process goes on from: one that this process may read otherwise."""
    chosen = folder.status().get("going_on_from")
    return None if chosen is None else Found(folder.checkpoints / chosen[0], chosen[1])


def _is_complete(folder: RunFolder, experiment: Experiment) -> bool:
    """Whether a run is finished, and the experiment asks for no more of it."""
    kept = folder.experiment()
    longer = experiment.trainer.max_epochs > kept.trainer.max_epochs
    now_tested = experiment.score_test and not kept.score_test
    return folder.status()["state"] == "finished" and not longer and not now_tested


def _say_finished(folder: RunFolder) -> None:
    print(f"run {folder.name} is finished: {folder.report_file}")


def _change(folder: RunFolder, experiment: Experiment) -> None:
    """Let a run go on with the few settings that may change."""
    if experiment != folder.experiment():
        with folder.locked():
            if folder.status()["state"] == "finished":
                folder.update_status(state="reopened")
            write_whole(folder.experiment_file, experiment.to_yaml())


def _check_machine(process: Process, experiment: Experiment) -> None:
    check_size(process, experiment.trainer)
    check_hardware(experiment.trainer)


def with_allocated_workers(experiment: Experiment) -> Experiment:
    """No more loader workers than the process has CPU cores; they change no result."""
    cores = cpus_of_process(experiment.trainer.devices)
    if experiment.data.workers <= cores:
        return experiment
    log.info("workers: %d, one a core, not %d", cores, experiment.data.workers)
    return experiment.replace(data=experiment.data.replace(workers=cores))


def _shared_folder() -> RunFolder:
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
