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
from datamodules.errors import ConfigError
from experiments.attempt import Attempt
from experiments.configs.trainer import TrainerConfig
from experiments.experiment import Experiment
from experiments.process_watch import ProcessWatch, WatchedDDP
from experiments.processes import this_process
from lightning_modules.base import TaskModule
from lightning_modules.metrics.directions import lower_is_better

OLDER_GPUS = (
    "for V100 and older GPUs install the build for CUDA 12.6: pip install torch==2.11.0"
    " torchvision==0.26.0 --index-url https://download.pytorch.org/whl/cu126"
)


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


def check_hardware(config: TrainerConfig) -> None:
    """Refuse devices that are not here, and a number format that they only emulate.

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
    if not on_gpu and (config.sync_batchnorm or config.strategy == "fsdp"):
        option = "strategy fsdp" if config.strategy == "fsdp" else "sync-batchnorm True"
        raise ConfigError(f"--trainer.{option} needs GPUs, and torch sees none here")
    if on_gpu:
        check_kernels()
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


def check_kernels() -> None:
    """Refuse a GPU for which this build of torch has no code.

    Raises:
        ConfigError: Says which build has it.
    """
    for device in range(torch.cuda.device_count()):
        major, minor = torch.cuda.get_device_capability(device)
        oldest = min(_capability(arch) for arch in torch.cuda.get_arch_list())
        if (major, minor) < oldest:
            name = torch.cuda.get_device_name(device)
            raise ConfigError(
                f"torch {torch.__version__} has no code for {name} (sm_{major}{minor});"
                f" {OLDER_GPUS}"
            )


def _capability(arch: str) -> tuple[int, int]:
    digits = arch.rpartition("_")[2].rstrip("af")
    return int(digits[:-1]), int(digits[-1])
