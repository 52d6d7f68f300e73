"""An image encoder from timm with an optional small stem and a dropout head."""

from collections.abc import Sequence
from typing import Self, cast

import torch
from torch import Tensor, nn

from datamodules.errors import ConfigError
from lightning_modules.configs.networks import TimmNetworkConfig
from lightning_modules.networks.timm_encoders import build_encoder

LEAST_STAGE = 0.01
"""Share of an encoder's weights below which a part is no stage of its own."""
SMALL_IMAGE = 64
"""Below this many pixels a stem that reduces four times leaves too little to look at."""


class TimmClassifier(nn.Module):
    """Encoder -> global average pooling -> dropout -> linear layer.

    Args:
        config: Settings.
        channels: Image channels; published RGB weights of the first layer are summed for one.
        size: Image height and width in pixels.
        outputs: Logits a case.
        load_weights: False leaves out published or local weights: a checkpoint follows.
    """

    def __init__(
        self,
        config: TimmNetworkConfig,
        channels: int,
        size: tuple[int, int],
        outputs: int,
        *,
        load_weights: bool = True,
    ) -> None:
        super().__init__()
        self.encoder = build_encoder(config, channels, load_weights=load_weights)
        if config.stem == "small" or (config.stem == "auto" and min(size) < SMALL_IMAGE):
            _shrink_stem(self.encoder, config)
        self.head = nn.Sequential(
            nn.Dropout(config.dropout),
            nn.Linear(_features(self.encoder, config, (channels, *size)), outputs),
        )
        self.frozen: Sequence[nn.Module] = ()
        if config.encoder_training == "frozen":
            self.frozen = (self.encoder,)
            self.encoder.requires_grad_(False)

    def forward(self, images: Tensor) -> Tensor:
        """Logits ``(B, outputs)`` of images float ``(B, channels, H, W)``."""
        logits: Tensor = self.head(self.encoder(images))
        return logits

    @property
    def attention_layer(self) -> str:
        """Name of the last layer with a spatial map, where Grad-CAM looks.

        Raises:
            ConfigError: If the encoder has no map with channels first (a transformer).
        """
        channels_last = getattr(self.encoder, "output_fmt", "NCHW") != "NCHW"
        if channels_last or hasattr(self.encoder, "pos_embed"):
            raise ConfigError("Grad-CAM needs a convolutional encoder, with channels first")
        stages = cast("list[dict[str, str]]", self.encoder.feature_info)
        return f"encoder.{stages[-1]['module']}"

    def freeze_until(self, unfrozen_stages: int) -> None:
        """Keep all but the last stages of the encoder as they are (gradual unfreezing)."""
        stages = _stages(self.encoder)
        self.frozen = tuple(stages[: max(0, len(stages) - unfrozen_stages)])
        self.train(self.training)

    def drop_frozen_gradients(self) -> None:
        """Forget the gradients of frozen stages, so that the optimizer leaves them alone.

        They are computed all the same: under ddp every process must reduce the same gradients.
        """
        for stage in self.frozen:
            for parameter in stage.parameters():
                parameter.grad = None

    def train(self, mode: bool = True) -> Self:
        """Training mode; frozen stages keep the running statistics of their normalisation."""
        super().train(mode)
        for stage in self.frozen:
            stage.eval()
        return self


def _features(encoder: nn.Module, config: TimmNetworkConfig, shape: tuple[int, ...]) -> int:
    """Length of the feature vector, seen from one empty image: timm's own number is not always it.

    Raises:
        ConfigError: If the encoder does not take images of this shape.
    """
    try:
        with torch.no_grad():
            features = encoder.eval()(torch.zeros(1, *shape))
    except (AssertionError, RuntimeError, ValueError) as error:
        raise ConfigError(
            f"{config.encoder} does not take images of {shape[1]} x {shape[2]} pixels: {error}"
        ) from error
    encoder.train()
    return int(features.shape[1])


def _stages(encoder: nn.Module) -> list[nn.Sequential]:
    """Stages of the encoder from the image to the features, each with a real share of its weights.

    What lies between them (stems, transitions, normalisation) goes with the stage that follows.
    """
    children = [child for child in encoder.children() if _size(child)]
    if len(children) == 1:
        return _stages(children[0])
    stages: list[nn.Sequential] = []
    waiting: list[nn.Module] = []
    for child in children:
        waiting.append(child)
        if sum(map(_size, waiting)) > LEAST_STAGE * _size(encoder):
            stages.append(nn.Sequential(*waiting))
            waiting = []
    if waiting and stages:
        stages[-1].extend(waiting)
    return stages or [nn.Sequential(*waiting)]


def _size(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def _shrink_stem(encoder: nn.Module, config: TimmNetworkConfig) -> None:
    """Replace the first convolution by 3 x 3 with stride 1 and leave out the first pooling."""
    family = encoder.features if hasattr(encoder, "features") else encoder
    names = ("conv0", "pool0") if hasattr(family, "conv0") else ("conv1", "maxpool")
    first = getattr(family, names[0], None)
    if not isinstance(first, nn.Conv2d) or not hasattr(family, names[1]):
        if config.stem == "auto":
            return
        raise ConfigError(f"{config.encoder} has no small stem: use --task.network.stem standard")
    small = nn.Conv2d(first.in_channels, first.out_channels, 3, padding=1, bias=False)
    if config.pretrained or config.weights:
        middle = first.weight.shape[-1] // 2
        with torch.no_grad():
            small.weight.copy_(first.weight[:, :, middle - 1 : middle + 2, middle - 1 : middle + 2])
    setattr(family, names[0], small)
    setattr(family, names[1], nn.Identity())
