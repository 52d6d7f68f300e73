"""What can be set about logging: what is shown, and where."""

from typing import Literal

from pydantic import Field

from datamodules.schema import LocalPath, Settings


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
    group: str | None = None
    """Group in Weights & Biases; none: the experiment's name."""
    artifact: bool = False
    """Whether Weights & Biases gets the best checkpoint, as an artifact of type model."""
    tensorboard: bool = False
    """Whether TensorBoard's events are written, to the run folder."""
    csv: bool = False
    """Whether a CSV table of the logged values is written, to the run folder."""
    mlflow: LocalPath | None = None
    """Tracking server of MLflow, such as http://mlflow.hospital:5000; none: no MLflow."""
    images: Literal["auto", "on", "off"] = "auto"
    """Whether Weights & Biases may see images; auto: those of public datasets only."""
    bootstrap_samples: int = Field(default=1000, ge=100)
    """Bootstrap samples behind each 95 % interval."""
