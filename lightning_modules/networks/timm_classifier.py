"""An image encoder from timm with an optional small stem and a dropout head."""

from typing import Self, cast

import torch
from torch import Tensor, nn

from datamodules.errors import ConfigError
from lightning_modules.configs.networks import TimmNetworkConfig
from lightning_modules.networks.timm_encoders import build_encoder

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
            nn.Dropout(config.dropout), nn.Linear(_features(self.encoder), outputs)
        )
        self.trained_stages = _stages(self.encoder) if config.encoder_training != "frozen" else []
        self.frozen: list[nn.Module] = []
        if config.encoder_training == "frozen":
            self.frozen = [self.encoder]
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
        kept = len(self.trained_stages) - unfrozen_stages
        self.frozen = self.trained_stages[: max(0, kept)]
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


def _features(encoder: nn.Module) -> int:
    return cast(int, encoder.num_features)


def _stages(encoder: nn.Module) -> list[nn.Module]:
    """Children of the encoder that hold parameters, from the image to the features."""
    children = [child for child in encoder.children() if any(True for _ in child.parameters())]
    if len(children) == 1:
        return _stages(children[0]) or children
    return children


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
