"""What the machine must have for an experiment: devices, code for them, number formats."""

import torch

from datamodules.errors import ConfigError
from experiments.configs.trainer import TrainerConfig

OLDER_GPUS = (
    "for V100 and older GPUs install the build for CUDA 12.6: pip install torch==2.11.0"
    " torchvision==0.26.0 --index-url https://download.pytorch.org/whl/cu126"
)


def check_hardware(config: TrainerConfig) -> None:
    """Refuse devices that are not here, and a number format that they only emulate.

    Raises:
        ConfigError: Says why, and what to use.
    """
    on_gpu = config.accelerator == "gpu" or (
        config.accelerator == "auto" and torch.cuda.is_available()
    )
    if on_gpu:
        _check_gpus(config.devices)
    _check_strategy(config, on_gpu=on_gpu)
    if config.precision != "32":
        _check_precision(config.precision, on_gpu=on_gpu)


def _check_gpus(devices: int) -> None:
    if not torch.cuda.is_available():
        raise ConfigError("--trainer.accelerator gpu: torch sees no GPU here")
    if devices > torch.cuda.device_count():
        raise ConfigError(
            f"--trainer.devices {devices}: torch sees {torch.cuda.device_count()} GPUs here"
        )
    check_kernels()


def _check_strategy(config: TrainerConfig, *, on_gpu: bool) -> None:
    if config.strategy == "fsdp" and (config.clip_gradient_norm or config.ema_decay):
        raise ConfigError(
            "--trainer.strategy fsdp goes with --trainer.clip-gradient-norm none and"
            " --trainer.ema-decay none only: both need whole weights"
        )
    if not on_gpu and (config.sync_batchnorm or config.strategy == "fsdp"):
        option = "strategy fsdp" if config.strategy == "fsdp" else "sync-batchnorm True"
        raise ConfigError(f"--trainer.{option} needs GPUs, and torch sees none here")


def _check_precision(precision: str, *, on_gpu: bool) -> None:
    if on_gpu:
        if precision == "bf16-mixed" and not torch.cuda.is_bf16_supported(False):
            raise ConfigError("this GPU has no bfloat16; use --trainer.precision 16-mixed")
    elif precision == "16-mixed":
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
    oldest = min(_capability(arch) for arch in torch.cuda.get_arch_list())
    for device in range(torch.cuda.device_count()):
        major, minor = torch.cuda.get_device_capability(device)
        if (major, minor) < oldest:
            name = torch.cuda.get_device_name(device)
            raise ConfigError(
                f"torch {torch.__version__} has no code for {name} (sm_{major}{minor});"
                f" {OLDER_GPUS}"
            )


def _capability(arch: str) -> tuple[int, int]:
    digits = arch.rpartition("_")[2].rstrip("af")
    return int(digits[:-1]), int(digits[-1])
