"""What can be set about training: how long, on what, and in which precision."""

from typing import Literal, Self

from pydantic import Field, model_validator

from datamodules.schema import Settings


class TrainerConfig(Settings):
    """How long, on what, and in which precision."""

    max_epochs: int = Field(default=30, ge=1)
    """Epochs to train."""
    accelerator: Literal["auto", "cpu", "gpu"] = "auto"
    """Device; auto takes a GPU when there is one."""
    devices: int = Field(default=1, ge=1)
    """Processes on a machine, one for each GPU (or for a share of the CPU cores)."""
    nodes: int = Field(default=1, ge=1)
    """Machines; more than one are started by srun or torchrun."""
    strategy: Literal["ddp", "fsdp"] = "ddp"
    """How processes share the work; fsdp also divides the weights. (fsdp was never run yet.)"""
    sync_batchnorm: bool = False
    """Batch normalisation over the batches of all processes; needs GPUs."""
    collective_timeout_minutes: float = Field(default=30.0, gt=0)
    """How long a process waits for another one before the run ends."""
    precision: Literal["32", "bf16-mixed", "16-mixed"] = "32"
    """Number format of the forward and backward pass."""
    compile: bool = False
    """Compile the network with torch.compile."""
    deterministic: bool = False
    """On a GPU choose repeatable algorithms, and warn where there is none; a CPU needs none."""
    accumulate_batches: int = Field(default=1, ge=1)
    """Batches whose gradients are added up before the optimizer steps."""
    clip_gradient_norm: float | None = Field(default=1.0, gt=0)
    """Largest norm of the gradient; none: no clipping."""
    ema_decay: float | None = Field(default=None, gt=0, lt=1)
    """Evaluate and keep an exponential moving average of the weights; none: the weights."""
    early_stopping_epochs: int | None = Field(default=None, ge=1)
    """Stop after so many validations without improvement of the monitored metric; none: never."""
    validate_every_epochs: int = Field(default=1, ge=1)
    """Epochs between validations."""
    keep: Literal["best", "last"] = "best"
    """Weights that are scored and used: those of the epoch with the best monitored metric, or of
    the last validated epoch, where validation has too few cases to choose by."""
    checkpoint_every_minutes: float = Field(default=10.0, gt=0)
    """Time between checkpoints inside an epoch; one is always written at its end."""
    checkpoint_every_steps: int | None = Field(default=None, ge=1)
    """Batches between checkpoints inside an epoch, besides those by time; none: by time only."""
    log_every_steps: int = Field(default=10, ge=1)
    """Optimizer steps between rows of metrics.jsonl while training."""

    @model_validator(mode="after")
    def _some_epoch_is_validated(self) -> Self:
        if self.validate_every_epochs > self.max_epochs:
            raise ValueError("validate_every_epochs must be at most max_epochs")
        return self
