"""From settings to Lightning trainers: one that trains, one that evaluates."""

import os
from collections.abc import Sequence
from contextlib import nullcontext
from datetime import timedelta
from typing import Any

import pytorch_lightning as pl
import torch
from lightning_fabric.plugins.environments.cluster_environment import ClusterEnvironment
from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from lightning_fabric.plugins.environments.slurm import SLURMEnvironment
from lightning_fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from pytorch_lightning.loggers import Logger
from pytorch_lightning.profilers import PassThroughProfiler
from pytorch_lightning.strategies import FSDPStrategy

from callbacks.checkpoint_files import AtomicCheckpointIO
from callbacks.checkpointing import Checkpointing
from callbacks.early_stopping import StopEarly
from callbacks.finite_loss import FiniteLoss
from callbacks.metrics_log import MetricsLog
from callbacks.progress import EpochLines, progress_bar
from callbacks.step_seed import StepSeed
from callbacks.stop_request import SignalsStayOurs
from callbacks.weight_averaging import MovingAverage
from experiments.attempt import Attempt
from experiments.configs.trainer import TrainerConfig
from experiments.experiment import Experiment
from experiments.hardware import check_hardware
from experiments.process_watch import ProcessWatch, WatchedDDP
from experiments.processes import this_process
from lightning_modules.base import TaskModule
from lightning_modules.metrics.directions import lower_is_better


def build_trainer(
    experiment: Experiment,
    module: TaskModule,
    attempt: Attempt,
    loggers: Sequence[Logger],
    extra: Sequence[pl.Callback],
) -> pl.Trainer:
    """The trainer that fits."""
    config = experiment.trainer
    check_hardware(config)
    if config.deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS asks for it
    torch.use_deterministic_algorithms(config.deterministic, warn_only=True)
    manual = not module.automatic_optimization
    return pl.Trainer(
        **_hardware(config, attempt.watch),
        sync_batchnorm=config.sync_batchnorm,
        max_epochs=config.max_epochs,
        accumulate_grad_batches=1 if manual else config.accumulate_batches,
        gradient_clip_val=None if manual else config.clip_gradient_norm,
        check_val_every_n_epoch=config.validate_every_epochs,
        num_sanity_val_steps=0,
        callbacks=[*_training_callbacks(experiment, module, attempt), *extra],
        logger=list(loggers) or False,
        default_root_dir=attempt.folder.path,
    )


def build_evaluator(config: TrainerConfig, attempt: Attempt | None = None) -> pl.Trainer:
    """A trainer that only validates, tests or predicts, and logs nothing.

    It computes in 32 bit, whatever training did, so that final figures and the operating point are
    those of the scores that prediction on files gives.
    """
    check_hardware(config)
    callbacks: list[pl.Callback] = [progress_bar(None)]
    if attempt is not None:
        callbacks.append(SignalsStayOurs(attempt.request))
    watch = ProcessWatch(print) if attempt is None else attempt.watch
    return pl.Trainer(
        **{**_hardware(config, watch), "precision": "32"},
        logger=False,
        callbacks=callbacks,
        default_root_dir=None if attempt is None else attempt.folder.path,
    )


def _hardware(config: TrainerConfig, watch: ProcessWatch) -> dict[str, Any]:
    """What both trainers share."""
    return {
        "accelerator": config.accelerator,
        "devices": config.devices,
        "num_nodes": config.nodes,
        "strategy": _strategy(config, watch),
        "precision": config.precision,
        "use_distributed_sampler": False,
        "plugins": [AtomicCheckpointIO(), _cluster()],
        "enable_model_summary": False,
        "profiler": _Unprofiled(),
        "enable_checkpointing": True,
        "inference_mode": True,
    }


def _strategy(config: TrainerConfig, watch: ProcessWatch) -> Any:  # noqa: ANN401
    if config.devices * config.nodes == 1:
        return "auto"
    timeout = timedelta(minutes=config.collective_timeout_minutes)
    if config.strategy == "fsdp":
        return FSDPStrategy(timeout=timeout, state_dict_type="full")
    return WatchedDDP(watch, timeout=timeout)


def _cluster() -> ClusterEnvironment:
    """Who starts the processes, said outright: Lightning's guess takes part in any Slurm job.

    Its own requeue would write checkpoints behind our back.
    """
    match this_process().launcher:
        case "slurm":
            return SLURMEnvironment(auto_requeue=False)
        case "torchrun":
            return TorchElasticEnvironment()
        case "lightbox":
            return LightningEnvironment()


class _Unprofiled(PassThroughProfiler):
    """Lightning opens some seventy profiling contexts a step; here they cost next to nothing."""

    nothing = nullcontext()

    def profile(self, action_name: str) -> Any:  # noqa: ANN401 - any context manager will do
        """Measure nothing."""
        del action_name
        return self.nothing


def _training_callbacks(
    experiment: Experiment, module: TaskModule, attempt: Attempt
) -> list[pl.Callback]:
    config, folder = experiment.trainer, attempt.folder
    callbacks: list[pl.Callback] = [
        StepSeed(experiment.seed),
        FiniteLoss(),
        MetricsLog(folder.metrics_log, config.log_every_steps, attempt.number),
        EpochLines(module.monitored),
        progress_bar(module.monitored),
        Checkpointing(
            folder.checkpoints,
            module.monitored,
            config.checkpoint_every_minutes,
            config.checkpoint_every_steps,
            attempt.request,
            keep_last=config.keep == "last",
        ),
    ]
    if config.ema_decay is not None:
        callbacks.insert(0, MovingAverage(config.ema_decay))
    if config.early_stopping_epochs is not None:
        callbacks.append(
            StopEarly(
                f"val/{module.monitored}",
                patience=config.early_stopping_epochs,
                mode="min" if lower_is_better(module.monitored) else "max",
            )
        )
    return callbacks
