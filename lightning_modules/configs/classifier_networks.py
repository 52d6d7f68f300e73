"""What the networks of all classifiers share, of films, volumes and slices."""

from typing import Literal

from pydantic import Field

from datamodules.schema import LocalPath, Settings


class ClassifierNetworkSettings(Settings):
    """How the encoder of a classifier is trained, and what stands between it and the labels."""

    dropout: float = Field(default=0.2, ge=0, lt=1)
    """Dropout before the last layer."""
    encoder_training: Literal["full", "frozen", "gradual"] = "full"
    """Fine-tune all of the encoder, none of it, or its stages one after another from the last."""
    unfreeze_every_epochs: int = Field(default=2, ge=1)
    """With gradual: epochs until the next stage of the encoder joins the training."""


class TimmEncoderSettings(ClassifierNetworkSettings):
    """An encoder of 2D images from timm."""

    encoder: str = "densenet121"
    """resnet18, resnet50, densenet121, or any other encoder of timm by name."""
    pretrained: bool = True
    """Start from timm's published weights (downloaded once, then cached)."""
    weights: LocalPath | None = None
    """A local .safetensors or .pth file of weights for this encoder, instead of a download."""
    stem: Literal["auto", "standard", "small"] = "auto"
    """First layers: standard, or small (3 x 3, stride 1, no pooling); auto: small below 64 px."""
