"""Optimizers and learning-rate schedules."""

from typing import Annotated, Literal

from pydantic import Field

from datamodules.schema import Settings


class ScheduleConfig(Settings):
    """How the learning rate changes, step by step."""

    kind: Literal["cosine", "constant", "polynomial"] = "cosine"
    """After the warm-up: half a cosine to zero, no change, or (1 - t)^0.9."""
    warmup_steps: int = Field(default=50, ge=0)
    """Optimizer steps of linear warm-up."""


class OptimizerSettings(Settings):
    """What all optimizers share."""

    lr: float = Field(default=1e-3, gt=0)
    """Learning rate of the head, and of everything that is not an encoder."""
    encoder_lr: float | None = Field(default=None, gt=0)
    """Learning rate of the encoder; none: as the head."""
    weight_decay: float = Field(default=1e-5, ge=0)
    """Applied to weights, not to biases and normalisation layers."""
    schedule: ScheduleConfig = ScheduleConfig()
    """How the learning rate changes."""


class AdamWConfig(OptimizerSettings):
    """AdamW (Loshchilov and Hutter, ICLR 2019)."""

    kind: Literal["adamw"] = "adamw"
    betas: tuple[float, float] = (0.9, 0.999)
    """Decay of the running mean and of the running square of the gradient."""


class SGDConfig(OptimizerSettings):
    """Stochastic gradient descent with momentum."""

    kind: Literal["sgd"] = "sgd"
    momentum: float = Field(default=0.9, ge=0, lt=1)
    """Momentum."""
    nesterov: bool = True
    """Nesterov's form of momentum."""


Optimizer = Annotated[AdamWConfig | SGDConfig, Field(discriminator="kind")]
