"""An experiment is one value: all that a run depends on, as typed data that is YAML on disk."""

from pathlib import Path
from typing import Literal, Self

import yaml
from pydantic import Field, ValidationError

from datamodules.configs.xrays import XraysConfig
from datamodules.errors import ConfigError
from datamodules.schema import Settings
from experiments.setting_errors import explain
from lightning_modules.configs.xray_classifier import XrayClassifierConfig


class TrainerConfig(Settings):
    """How long, on what, and in which precision."""

    max_epochs: int = Field(default=30, ge=1)
    """Epochs to train."""
    accelerator: Literal["auto", "cpu", "gpu"] = "auto"
    """Device; auto takes a GPU when there is one."""
    devices: int = Field(default=1, ge=1)
    """Processes a node, one for each GPU (or for a share of the CPU cores)."""
    nodes: int = Field(default=1, ge=1)
    """Machines."""
    precision: Literal["32", "bf16-mixed", "16-mixed"] = "32"
    """Number format of the forward and backward pass."""
    compile: bool = False
    """Compile the network with torch.compile."""
    deterministic: bool = False
    """Same result on a GPU too, at the price of speed; on a CPU it always is the same."""
    accumulate_batches: int = Field(default=1, ge=1)
    """Batches whose gradients are added up before the optimizer steps."""
    clip_gradient_norm: float | None = Field(default=1.0, gt=0)
    """Largest norm of the gradient; none: no clipping."""
    ema_decay: float | None = Field(default=None, gt=0, lt=1)
    """Evaluate and keep an exponential moving average of the weights; none: the weights."""
    early_stopping_epochs: int | None = Field(default=None, ge=1)
    """Stop after so many epochs without improvement of the monitored metric; none: never."""
    validate_every_epochs: int = Field(default=1, ge=1)
    """Epochs between validations."""
    checkpoint_every_minutes: float = Field(default=10.0, gt=0)
    """Time between checkpoints inside an epoch; one is always written at its end."""
    checkpoint_every_steps: int | None = Field(default=None, ge=1)
    """Batches between checkpoints inside an epoch, besides those by time; none: by time only."""
    log_every_steps: int = Field(default=10, ge=1)
    """Batches between rows of metrics.jsonl while training."""


class LoggingConfig(Settings):
    """What is shown, and where."""

    wandb: Literal["auto", "online", "offline", "off"] = "auto"
    """Weights & Biases; auto: online with a key and a network, offline with a key, else off."""
    project: str = "lightbox"
    """Project in Weights & Biases."""
    entity: str | None = None
    """Team in Weights & Biases; none: your own."""
    tags: tuple[str, ...] = ()
    """Tags in Weights & Biases."""
    images: Literal["auto", "on", "off"] = "auto"
    """Whether Weights & Biases may see images; auto: those of public datasets only."""
    bootstrap_samples: int = Field(default=1000, ge=100)
    """Bootstrap samples behind each 95 % interval."""


class Experiment(Settings):
    """One fully specified run."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    """Names the folder of its runs: lower case, digits, hyphens."""
    description: str = ""
    """One line for a reader of the report."""
    seed: int = Field(default=0, ge=0)
    """Initial weights, the order of cases, augmentation and dropout follow from it."""
    data: XraysConfig = XraysConfig()
    """Dataset, splits, preprocessing, augmentation, batches."""
    task: XrayClassifierConfig = XrayClassifierConfig()
    """What is learned: network, loss, optimizer, operating point."""
    trainer: TrainerConfig = TrainerConfig()
    """How long, on what, and in which precision."""
    logging: LoggingConfig = LoggingConfig()
    """What is shown, and where."""

    @classmethod
    def from_yaml(cls, path: Path) -> Self:
        """Read an experiment file.

        Raises:
            ConfigError: If the file is missing, is not YAML, or does not describe an experiment;
                the message lists every wrong field.
        """
        try:
            values = yaml.safe_load(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise ConfigError(
                f"cannot read the experiment file {path}: {error.strerror}"
            ) from error
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path} is not a YAML file: {error}") from error
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            faults = "\n  ".join(explain(error, cls))
            raise ConfigError(f"{path} is not a valid experiment:\n  {faults}") from error

    def to_yaml(self) -> str:
        """Complete YAML; :meth:`from_yaml` on it gives an equal experiment."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
