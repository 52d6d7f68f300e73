"""From settings to Lightning trainers: one that trains, one that evaluates."""

import os
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import pytorch_lightning as pl
import torch
from lightning_fabric.plugins.environments.slurm import SLURMEnvironment
from pytorch_lightning.loggers import Logger
from pytorch_lightning.profilers import PassThroughProfiler

from callbacks.checkpoint_files import AtomicCheckpointIO
from callbacks.checkpointing import Checkpointing
from callbacks.early_stopping import StopEarly
from callbacks.finite_loss import FiniteLoss
from callbacks.metrics_log import MetricsLog
from callbacks.progress import EpochLines, progress_bar
from callbacks.step_seed import StepSeed
from callbacks.weight_averaging import MovingAverage
from datamodules.errors import ConfigError
from experiments.configs.trainer import TrainerConfig
from experiments.experiment import Experiment
from experiments.run_folder import RunFolder
from lightning_modules.base import TaskModule
from lightning_modules.metrics.directions import lower_is_better


def build_trainer(
    experiment: Experiment,
    module: TaskModule,
    folder: RunFolder,
    attempt: int,
    loggers: Sequence[Logger],
    extra: Sequence[pl.Callback],
) -> pl.Trainer:
    """The trainer that fits."""
    config = experiment.trainer
    check_precision(config)
    if config.deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS asks for it
    torch.use_deterministic_algorithms(config.deterministic, warn_only=True)
    manual = not module.automatic_optimization
    return pl.Trainer(
        **_hardware(config),
        max_epochs=config.max_epochs,
        accumulate_grad_batches=1 if manual else config.accumulate_batches,
        gradient_clip_val=None if manual else config.clip_gradient_norm,
        check_val_every_n_epoch=config.validate_every_epochs,
        num_sanity_val_steps=0,
        callbacks=[*_training_callbacks(experiment, module, folder, attempt), *extra],
        logger=list(loggers) or False,
        default_root_dir=folder.path,
    )


def build_evaluator(config: TrainerConfig, folder: RunFolder | None = None) -> pl.Trainer:
    """A trainer that only validates, tests or predicts, and logs nothing.

    It computes in 32 bit, whatever training did, so that final figures and the operating point are
    those of the scores that prediction on files gives.
    """
    check_precision(config)
    return pl.Trainer(
        **{**_hardware(config), "precision": "32"},
        logger=False,
        callbacks=[progress_bar(None)],
        default_root_dir=folder.path if folder is not None else None,
    )


def _hardware(config: TrainerConfig) -> dict[str, Any]:
    """What both trainers share. Lightning's own requeue would write checkpoints behind our back."""
    plugins: list[Any] = [AtomicCheckpointIO()]
    if SLURMEnvironment.detect():
        plugins.append(SLURMEnvironment(auto_requeue=False))
    return {
        "accelerator": config.accelerator,
        "devices": config.devices,
        "strategy": "ddp" if config.devices > 1 else "auto",
        "precision": config.precision,
        "use_distributed_sampler": False,
        "plugins": plugins,
        "enable_model_summary": False,
        "profiler": _Unprofiled(),
        "enable_checkpointing": True,
        "inference_mode": True,
    }


class _Unprofiled(PassThroughProfiler):
    """Lightning opens some seventy profiling contexts a step; here they cost next to nothing."""

    nothing = nullcontext()

    def profile(self, action_name: str) -> Any:  # noqa: ANN401 - any context manager will do
        """Measure nothing."""
        del action_name
        return self.nothing


def _training_callbacks(
    experiment: Experiment, module: TaskModule, folder: RunFolder, attempt: int
) -> list[pl.Callback]:
    config = experiment.trainer
    callbacks: list[pl.Callback] = [
        StepSeed(experiment.seed),
        FiniteLoss(),
        MetricsLog(folder.metrics_log, config.log_every_steps, attempt),
        EpochLines(module.monitored),
        progress_bar(module.monitored),
        Checkpointing(
            folder.checkpoints,
            module.monitored,
            config.checkpoint_every_minutes,
            config.checkpoint_every_steps,
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


def check_precision(config: TrainerConfig) -> None:
    """Refuse a number format that this machine only emulates.

    Raises:
        ConfigError: Says why, and what to use.
    """
    on_gpu = config.accelerator == "gpu" or (
        config.accelerator == "auto" and torch.cuda.is_available()
    )
    if config.accelerator == "gpu" and not torch.cuda.is_available():
        raise ConfigError("--trainer.accelerator gpu: torch sees no GPU here")
    if on_gpu and config.devices > torch.cuda.device_count():
        raise ConfigError(
            f"--trainer.devices {config.devices}: torch sees {torch.cuda.device_count()} GPUs here"
        )
    if config.precision == "32":
        return
    if on_gpu:
        if config.precision == "bf16-mixed" and not torch.cuda.is_bf16_supported(False):
            raise ConfigError("this GPU has no bfloat16; use --trainer.precision 16-mixed")
    elif config.precision == "16-mixed":
        raise ConfigError("16-mixed needs a GPU; on a CPU use --trainer.precision 32")
    elif not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        raise ConfigError(
            "this CPU has no bfloat16 instructions, and emulating them is about 70 times slower;"
            " use --trainer.precision 32"
        )
