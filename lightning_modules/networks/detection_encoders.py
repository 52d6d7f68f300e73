"""Encoders of detectors, in 2D and 3D: images to maps, each at half the resolution of the last."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self, cast

from torch import Tensor, nn
from torch.nn import functional as F

from datamodules.errors import ConfigError
from lightning_modules.configs.classifier_networks import TimmEncoderSettings
from lightning_modules.configs.detection_networks import PyramidSettings
from lightning_modules.configs.volume_networks import ResNet3dConfig
from lightning_modules.networks.memory_layout import fast_layout, in_fast_layout
from lightning_modules.networks.timm_encoders import build_encoder
from lightning_modules.networks.volume_encoders import build_volume_encoder

LIGHT_BLOCKS = {4: 1, 8: 2, 16: 2}
"""Residual blocks of the light encoder at a stride; one at every other."""
WIDEST = 16
GROUPS = 8


def norm(features: int) -> nn.GroupNorm:
    """Normalisation that does not depend on the rest of a small batch."""
    return nn.GroupNorm(GROUPS, features)


def conv(axes: int, channels: int, features: int, side: int, stride: int = 1) -> nn.Module:
    """A convolution that keeps the size, but for its stride, without a bias."""
    kind = nn.Conv2d if axes == 2 else nn.Conv3d
    return kind(channels, features, side, stride=stride, padding=side // 2, bias=False)


def conv_block(axes: int, channels: int, features: int, side: int, stride: int = 1) -> nn.Module:
    """Convolution, normalisation, rectifier."""
    return nn.Sequential(
        conv(axes, channels, features, side, stride), norm(features), nn.ReLU(inplace=True)
    )


class ResidualBlock(nn.Module):
    """Two convolutions and a shortcut (He et al., CVPR 2016)."""

    def __init__(self, axes: int, channels: int, features: int, stride: int) -> None:
        super().__init__()
        self.first = conv_block(axes, channels, features, 3, stride)
        self.second = nn.Sequential(conv(axes, features, features, 3), norm(features))
        same = channels == features and stride == 1
        self.shortcut: nn.Module = nn.Identity()
        if not same:
            self.shortcut = nn.Sequential(conv(axes, channels, features, 1, stride), norm(features))

    def forward(self, maps: Tensor) -> Tensor:
        """Maps ``(B, C, *size)`` to ``(B, features, *size / stride)``."""
        return F.relu(self.second(self.first(maps)) + self.shortcut(maps), inplace=True)


class Encoder(nn.Module):
    """Stages one after another, the first of stride 2, each further one half as fine.

    Args:
        stages: From fine to coarse.
        features: Channels of the map that each of them gives.
        frozen_statistics: Keep means and deviations of batch normalisation as published weights
            have them: a batch of a few images has no better ones.
    """

    def __init__(
        self,
        stages: Sequence[nn.Module],
        features: Sequence[int],
        *,
        frozen_statistics: bool = False,
    ) -> None:
        super().__init__()
        self.stages = nn.ModuleList(stages)
        self.features = tuple(features)
        self.frozen_statistics = frozen_statistics
        fast_layout(self)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Images ``(B, C, *size)`` to the map of each stage."""
        maps = [in_fast_layout(images)]
        for stage in self.stages:
            maps.append(stage(maps[-1]))
        return maps[1:]

    def train(self, mode: bool = True) -> Self:
        """Set training or evaluation."""
        super().train(mode)
        for layer in self.modules():
            if self.frozen_statistics and isinstance(layer, nn.BatchNorm2d | nn.BatchNorm3d):
                layer.eval()
        return self

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """Move or convert; the layout of the weights follows the device."""
        super()._apply(fn, recurse)
        fast_layout(self)
        return self


class FeaturePyramid(nn.Module):
    """Maps of the same number of channels at each stride, every one aware of the coarser ones.

    Args:
        encoder: Its coarsest stages are used, one for each level.
        axes: Of the images.
        levels: Maps.
        features: Channels of each of them.

    References:
        Lin et al., "Feature pyramid networks for object detection", CVPR 2017.
    """

    def __init__(self, encoder: Encoder, axes: int, levels: int, features: int) -> None:
        super().__init__()
        self.encoder, self.levels, self.out_channels = encoder, levels, features
        channels = encoder.features[-levels:]
        self.lateral = nn.ModuleList(_plain(axes, each, features, 1) for each in channels)
        self.smooth = nn.ModuleList(_plain(axes, features, features, 3) for _ in channels)
        fast_layout(self)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Images ``(B, C, *size)`` to maps ``(B, features, *size / stride)``, the finest first."""
        maps = self.encoder(images)[-self.levels :]
        joined = [layer(each) for layer, each in zip(self.lateral, maps, strict=True)]
        for level in range(self.levels - 2, -1, -1):
            coarse = F.interpolate(joined[level + 1], size=joined[level].shape[2:])
            joined[level] = joined[level] + coarse
        return [layer(each) for layer, each in zip(self.smooth, joined, strict=True)]


def build_pyramid(
    config: PyramidSettings,
    channels: int,
    axes: int,
    strides: Sequence[int],
    features: int,
    *,
    load_weights: bool,
) -> FeaturePyramid:
    """Build an encoder with a pyramid whose maps have the given strides.

    Args:
        config: Settings.
        channels: Of the images.
        axes: Of the images, 2 or 3.
        strides: Powers of 2, each twice the one before.
        features: Channels of each map.
        load_weights: False when the weights of a checkpoint follow.

    Raises:
        ConfigError: If the encoder has no such maps, or its weights cannot be had.
    """
    encoder = build_detection_encoder(
        config, channels, axes, strides[-1], load_weights=load_weights
    )
    return FeaturePyramid(encoder, axes, len(strides), features)


def build_detection_encoder(
    config: PyramidSettings, channels: int, axes: int, stride: int, *, load_weights: bool
) -> Encoder:
    """Build an encoder down to a stride.

    Raises:
        ConfigError: If it has no such map, or its weights cannot be had.
    """
    count = stride.bit_length() - 1
    if config.encoder == "light":
        return _light(config.base_features, channels, axes, count)
    if count > 5:
        raise ConfigError(
            f"{config.encoder} reduces 32 times, and the coarsest map {stride} times: choose fewer "
            "--task.network.levels, or --task.network.encoder light"
        )
    build = _resnet2d if axes == 2 else _resnet3d
    return build(config, channels, count, load_weights=load_weights)


def check_encoder(config: PyramidSettings, axes: int, *, load_weights: bool) -> None:
    """Look whether an encoder can have the weights that are asked for, without building it.

    Raises:
        ConfigError: If not.
    """
    if config.encoder == "light" and (config.pretrained or config.weights is not None):
        raise ConfigError(
            "there are no weights for the light encoder: choose --task.network.encoder resnet18 "
            "or resnet50, or neither --task.network.pretrained nor --task.network.weights"
        )
    if config.pretrained and axes == 3:
        raise ConfigError(
            "--task.network.pretrained is for 2D images: for volumes give a file of MedicalNet's "
            "weights, --task.network.weights FILE"
        )
    if load_weights and config.weights is not None and not Path(config.weights).is_file():
        raise ConfigError(f"--task.network.weights: there is no file {config.weights}")


def _light(base: int, channels: int, axes: int, count: int) -> Encoder:
    widths = [base * min(2**number, WIDEST) for number in range(count)]
    stages = [conv_block(axes, channels, base, 3, stride=2)]
    for number in range(1, count):
        blocks = [
            ResidualBlock(axes, widths[number - 1 if first else number], widths[number], 1 + first)
            for first in [True] + [False] * (LIGHT_BLOCKS.get(2 ** (number + 1), 1) - 1)
        ]
        stages.append(nn.Sequential(*blocks))
    return Encoder(stages, widths)


def _resnet2d(config: PyramidSettings, channels: int, count: int, *, load_weights: bool) -> Encoder:
    """A ResNet of timm."""
    settings = TimmEncoderSettings(
        encoder=config.encoder, pretrained=config.pretrained, weights=config.weights
    )
    found = cast("Any", build_encoder(settings, channels, load_weights=load_weights))
    stages = [
        nn.Sequential(found.conv1, found.bn1, found.act1),
        nn.Sequential(found.maxpool, found.layer1),
        found.layer2,
        found.layer3,
        found.layer4,
    ]
    features = [each["num_chs"] for each in found.feature_info]
    frozen = config.pretrained or config.weights is not None
    return Encoder(stages[:count], features[:count], frozen_statistics=frozen)


def _resnet3d(config: PyramidSettings, channels: int, count: int, *, load_weights: bool) -> Encoder:
    """A ResNet of MONAI."""
    depth = int(config.encoder.removeprefix("resnet"))
    settings = ResNet3dConfig(depth=cast("Any", depth), stem="standard", weights=config.weights)
    found = build_volume_encoder(settings, channels, (64, 64, 64), load_weights=load_weights)
    stem = cast("Any", found.stem)
    first = nn.Sequential(stem.conv, stem.norm, stem.act)
    second = nn.Sequential(stem.pool, found.stages[0])
    stages = [first, second, *list(found.stages)[1:]]
    expansion = 4 if depth == 50 else 1
    features = [64] + [64 * expansion * 2**each for each in range(4)]
    frozen = config.weights is not None
    return Encoder(stages[:count], features[:count], frozen_statistics=frozen)


def _plain(axes: int, channels: int, features: int, side: int) -> nn.Module:
    kind = nn.Conv2d if axes == 2 else nn.Conv3d
    layer = kind(channels, features, side, padding=side // 2)
    nn.init.kaiming_uniform_(layer.weight, a=1)
    nn.init.zeros_(cast("Tensor", layer.bias))
    return layer
