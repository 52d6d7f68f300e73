"""Training: from nothing, from another run's weights, or from a checkpoint of this run."""

import hashlib
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.loggers import Logger

from callbacks.checkpoint_files import Found
from callbacks.hard_cases import HardCases
from callbacks.provenance import Provenance
from datamodules.base import TaskDataModule
from datamodules.errors import ConfigError
from experiments.attempt import Attempt
from experiments.experiment import Experiment
from experiments.initial_weights import initialise
from experiments.resumable import fixed_settings
from experiments.run_folder import RunFolder
from experiments.trainers import build_trainer
from lightning_modules.base import TaskModule

log = logging.getLogger("lightbox")
SINGLE_VALUE = "Expected more than 1"
"""So begins what torch's normalisations say when a batch has one value in each channel."""


def fit(
    experiment: Experiment,
    module: TaskModule,
    data: TaskDataModule,
    attempt: Attempt,
    found: Found | None,
    loggers: Sequence[Logger],
    callbacks: Sequence[pl.Callback],
) -> None:
    """Train.

    Args:
        experiment: Settings.
        module: Changed in place.
        data: Prepared.
        attempt: At which run, and by which process.
        found: Checkpoint to go on from; None: begin.
        loggers: Lightning's loggers.
        callbacks: The user's own.

    Raises:
        KeyboardInterrupt: If the user stopped it; Lightning turns that into a SystemExit.
        StoppedError: If a signal told it to stop, and the state is saved.
        ConfigError: If the GPU's memory does not suffice, or a batch is too small to normalise.
    """
    if found is not None:
        for fault in found.faults:
            log.warning("%s; going on from %s", fault, found.path.name)
    elif experiment.task.init_from is not None:
        log.info(initialise(module, Path(experiment.task.init_from)))
    if experiment.trainer.compile:
        module.network.compile()
    provenance = Provenance(
        _facts(experiment, data, attempt.folder), must_match=("run", "settings", "splits", "data")
    )
    own: list[pl.Callback] = [provenance]
    if data.case_errors is not None:
        own.append(HardCases(data, data.case_errors))
    trainer = build_trainer(experiment, module, attempt, loggers, [*own, *callbacks])
    try:
        with attempt.request.at_boundaries():
            trainer.fit(module, datamodule=data, ckpt_path=None if found is None else found.path)
    except SystemExit:
        if trainer.interrupted:
            raise KeyboardInterrupt from None
        raise
    except (torch.cuda.OutOfMemoryError, ValueError) as error:
        if (advice := _advice(error, experiment.data.batch_size)) is None:
            raise
        raise ConfigError(advice) from error


def _advice(error: Exception, batch_size: int) -> str | None:
    """What to do about an error of torch, if the user can do anything."""
    if isinstance(error, torch.cuda.OutOfMemoryError):
        return (
            f"the GPU's memory does not suffice for batches of {batch_size}: lower"
            " --data.batch-size (and raise --trainer.accumulate-batches by as much), or use"
            " --trainer.precision bf16-mixed"
        )
    if SINGLE_VALUE in str(error):
        return (
            "a training step sees a single value of each feature, and has nothing to normalise it"
            " by: raise --data.batch-size, or let the network see larger images"
        )
    return None


def _facts(experiment: Experiment, data: TaskDataModule, folder: RunFolder) -> dict[str, Any]:
    return {
        "format": 1,
        "run": folder.status()["wandb_id"],
        "experiment": experiment.public(),
        "settings": fixed_settings(experiment),
        "data": data.facts(),
        "splits": hashlib.sha256(folder.splits_file.read_bytes()).hexdigest(),
        "operating_point": None,
    }
