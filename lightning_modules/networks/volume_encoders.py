"""3D encoders of MONAI's layers: stem, stages, and a vector of the whole volume."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, Self, cast

import torch
from monai.networks.nets.densenet import DenseNet, DenseNet121, DenseNet169, DenseNet201
from monai.networks.nets.resnet import ResNet, resnet_params
from torch import Tensor, nn
from torch.nn import functional as F

from lightning_modules.configs.volume_networks import DenseNet3dConfig, ResNet3dConfig
from lightning_modules.networks.checkpointing import run
from lightning_modules.networks.medicalnet import load_medicalnet
from lightning_modules.networks.memory_layout import fast_layout, in_fast_layout

SMALL_VOLUME = 48
"""Below this many voxels a stem that reduces four times leaves too little to look at."""
DENSENETS = {121: DenseNet121, 169: DenseNet169, 201: DenseNet201}
STEM_PARTS = 4
"""So many times the stem is gone through with checkpointing, each time for other channels."""


class VolumeEncoder(nn.Module):
    """Stem and stages; it can be looked into as the encoders of timm can.

    Args:
        stem: First layers.
        stages: Each at a resolution of its own.
        channels_last: How maps lie in memory on a CPU.
    """

    def __init__(
        self, stem: nn.Module, stages: Iterable[nn.Module], *, channels_last: bool
    ) -> None:
        super().__init__()
        self.stem = stem
        self.stages = nn.Sequential(*stages)
        self.feature_info = [{"module": f"stages.{number}"} for number in range(len(self.stages))]
        self.channels_last = channels_last
        self._lay_out()

    def forward_features(self, volumes: Tensor) -> Tensor:
        """Volumes ``(N, channels, D, H, W)`` to features at every place, ``(N, C, d, h, w)``."""
        if self.channels_last:
            volumes = in_fast_layout(volumes)
        features: Tensor = self.stages(self.stem(volumes))
        return features

    def forward(self, volumes: Tensor) -> Tensor:
        """Mean of the features over the volume, ``(N, C)``."""
        return self.forward_features(volumes).mean((2, 3, 4))

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """Move or convert; the layout of the weights follows the device."""
        super()._apply(fn, recurse)
        self._lay_out()
        return self

    def _lay_out(self) -> None:
        if self.channels_last:
            fast_layout(self)


class Stem(nn.Module):
    """Convolution, normalisation, rectifier, pooling: the layers with the largest maps.

    With checkpointing a part of the channels is computed after the other, forward and again for
    the gradient. The result is the same: behind the convolution every channel is treated alone.
    """

    def __init__(
        self,
        conv: nn.Module,
        norm: nn.Module,
        act: nn.Module,
        pool: nn.Module,
        *,
        checkpointing: bool,
    ) -> None:
        super().__init__()
        self.conv, self.norm, self.act, self.pool = conv, norm, act, pool
        self.checkpointing = checkpointing

    def forward(self, volumes: Tensor) -> Tensor:
        """Volumes ``(N, channels, D, H, W)`` to maps ``(N, C, d, h, w)``."""
        if not (self.checkpointing and torch.is_grad_enabled()):
            return self._whole(volumes)
        norm = self.norm
        if not isinstance(norm, nn.BatchNorm3d):  # of all processes together
            return run(self._whole, volumes, checkpointing=True)
        if norm.training and norm.num_batches_tracked is not None:
            norm.num_batches_tracked.add_(1)
        parts = (
            run(self._part, volumes, channels, checkpointing=True)
            for channels in _parts(norm.num_features)
        )
        return torch.cat(list(parts), dim=1)

    def _whole(self, volumes: Tensor) -> Tensor:
        maps: Tensor = self.pool(self.act(self.norm(self.conv(volumes))))
        return maps

    def _part(self, volumes: Tensor, channels: slice) -> Tensor:
        conv, norm = cast("nn.Conv3d", self.conv), cast("Any", self.norm)
        maps = F.conv3d(volumes, conv.weight[channels], None, conv.stride, conv.padding)
        maps = F.batch_norm(
            maps,
            norm.running_mean[channels],
            norm.running_var[channels],
            norm.weight[channels],
            norm.bias[channels],
            norm.training,
            norm.momentum,
            norm.eps,
        )
        found: Tensor = self.pool(self.act(maps))
        return found


def _parts(channels: int) -> Iterator[slice]:
    """Consecutive channels, in at most so many parts."""
    step = -(-channels // STEM_PARTS)
    return (slice(start, min(start + step, channels)) for start in range(0, channels, step))


class ResidualStage(nn.Sequential):
    """Residual blocks, each checkpointed alone."""

    def __init__(self, blocks: Iterable[nn.Module], *, checkpointing: bool) -> None:
        super().__init__(*blocks)
        self.checkpointing = checkpointing

    def forward(self, input: Tensor) -> Tensor:
        """Maps through one block after another."""
        for block in self:
            input = run(block, input, checkpointing=self.checkpointing)
        return input


class DenseStage(nn.Sequential):
    """Dense layers, each of which sees the maps of all before, and a transition that does too.

    Joined maps are not handed on: with checkpointing every map is kept once, and they are joined
    again for the gradient.

    References:
        Pleiss et al., "Memory-efficient implementation of DenseNets", arXiv 1707.06990.
    """

    def __init__(self, layers: Iterable[nn.Module], *, checkpointing: bool) -> None:
        super().__init__(*map(Joining, layers))
        self.checkpointing = checkpointing

    def forward(self, input: Tensor) -> Tensor:
        """Maps to those of the last layer."""
        maps = [input]
        for layer in self:
            maps.append(run(layer, *maps, checkpointing=self.checkpointing))
        return maps[-1]


class Joining(nn.Module):
    """Layers that see several maps side by side."""

    def __init__(self, layers: nn.Module) -> None:
        super().__init__()
        self.layers = layers

    def forward(self, *maps: Tensor) -> Tensor:
        """Maps ``(N, *, d, h, w)`` to what the layers make of them together."""
        found: Tensor = self.layers(torch.cat(maps, dim=1))
        return found


class PaddedShortcut(nn.Module):
    """Every second voxel, and channels of zeros: a shortcut without weights.

    MONAI's own, after MedicalNet, lets no gradient pass.

    References:
        He et al., "Deep residual learning for image recognition", CVPR 2016, option A.
    """

    def __init__(self, features: int, stride: int) -> None:
        super().__init__()
        self.features, self.stride = features, stride

    def forward(self, maps: Tensor) -> Tensor:
        """Maps ``(N, C, d, h, w)`` to ``(N, features, d / stride, h / stride, w / stride)``."""
        step = slice(None, None, self.stride)
        return F.pad(maps[:, :, step, step, step], (0,) * 7 + (self.features - maps.shape[1],))


def build_volume_encoder(
    config: ResNet3dConfig | DenseNet3dConfig,
    channels: int,
    size: tuple[int, ...],
    *,
    load_weights: bool,
) -> VolumeEncoder:
    """Build a 3D encoder that returns one feature vector a volume.

    Every normalisation starts at 1, as MONAI has it, which suits short trainings.

    Args:
        config: Settings.
        channels: Of the volumes.
        size: Of the volumes in voxels.
        load_weights: False when the weights of a checkpoint follow.

    Raises:
        ConfigError: If local weights cannot be had, or do not fit.
    """
    small = config.stem == "small" or (config.stem == "auto" and min(size) < SMALL_VOLUME)
    if isinstance(config, ResNet3dConfig):
        stem, stages = _resnet(config, channels, load_weights=load_weights)
    else:
        stem, stages = _densenet(config, channels)
    if small:
        stem.conv, stem.pool = _small(cast("nn.Conv3d", stem.conv)), nn.Identity()
    return VolumeEncoder(stem, stages, channels_last=small)


def _resnet(
    config: ResNet3dConfig, channels: int, *, load_weights: bool
) -> tuple[Stem, list[nn.Module]]:
    block, layers, shortcut, biased, _ = resnet_params[f"resnet{config.depth}"]
    network = ResNet(
        block,
        layers,
        [config.base_features * 2**stage for stage in range(len(layers))],
        n_input_channels=channels,
        conv1_t_stride=2,
        shortcut_type=shortcut,
        bias_downsample=biased,
        feed_forward=False,
    )
    if config.weights is not None and load_weights:
        load_medicalnet(network, config)
    switch = {"checkpointing": config.checkpointing}
    stem = Stem(network.conv1, network.bn1, network.act, network.maxpool, **switch)
    stages = (network.layer1, network.layer2, network.layer3, network.layer4)
    return stem, [ResidualStage(map(_with_gradient, stage), **switch) for stage in stages]


def _with_gradient(block: nn.Module) -> nn.Module:
    """The block, with a shortcut that lets gradients pass."""
    if isinstance(shortcut := block.downsample, partial):
        block.downsample = PaddedShortcut(shortcut.keywords["planes"], shortcut.keywords["stride"])
    return block


def _densenet(config: DenseNet3dConfig, channels: int) -> tuple[Stem, list[nn.Module]]:
    network: DenseNet = DENSENETS[config.depth](
        spatial_dims=3,
        in_channels=channels,
        out_channels=1,
        init_features=config.base_features,
        growth_rate=config.base_features // 2,
    )
    switch = {"checkpointing": config.checkpointing}
    parts = dict(network.features.named_children())
    stem = Stem(parts["conv0"], parts["norm0"], parts["relu0"], parts["pool0"], **switch)
    ends = [parts[f"transition{number}"] for number in (1, 2, 3)]
    ends.append(nn.Sequential(parts["norm5"], nn.ReLU(inplace=True)))
    stages: list[nn.Module] = []
    for number, end in enumerate(ends, 1):
        layers = [cast("Any", layer).layers for layer in parts[f"denseblock{number}"].children()]
        stages.append(DenseStage([*layers, end], **switch))
    return stem, stages


def _small(conv: nn.Conv3d) -> nn.Conv3d:
    """A convolution of 3 x 3 x 3 with stride 1, and the middle of the weights of a larger one."""
    small = nn.Conv3d(conv.in_channels, conv.out_channels, 3, padding=1, bias=False)
    middle = slice(conv.kernel_size[0] // 2 - 1, conv.kernel_size[0] // 2 + 2)
    with torch.no_grad():
        small.weight.copy_(conv.weight[:, :, middle, middle, middle])
    return small
