"""nnU-Net's U-Nets, plain and with a residual encoder."""

from collections.abc import Callable, Iterable
from typing import Self, cast

from torch import Tensor, nn

from lightning_modules.configs.segmentation_networks import UNetConfig
from lightning_modules.networks.checkpointing import run
from lightning_modules.networks.memory_layout import fast_layout, in_fast_layout
from lightning_modules.networks.segmentation import SegmentationNetwork
from lightning_modules.networks.unet_blocks import (
    DROPOUTS,
    ConvBlock,
    ResidualBlock,
    Sides,
    UpwardStage,
    convolution,
    start_weights,
)
from lightning_modules.networks.unet_topology import UNetTopology


class UNet(SegmentationNetwork):
    """Down to the lowest resolution and up again, with a skip at each stage.

    The same layers and start as PlainConvUNet and ResidualEncoderUNet, but for the biases that
    instance normalisation takes out again.

    Args:
        config: Settings.
        topology: Stages.
        channels: Of the images.
        outputs: Channels of the logits.

    References:
        Isensee et al., "nnU-Net: a self-configuring method for deep learning-based biomedical
        image segmentation", Nature Methods 2021; "nnU-Net revisited", MICCAI 2024.
    """

    def __init__(
        self, config: UNetConfig, topology: UNetTopology, channels: int, outputs: int
    ) -> None:
        super().__init__(topology.divisor)
        self.config = config
        dimensions = len(topology.divisor)
        build = _residual_stages if config.encoder == "residual" else _plain_stages
        self.down = nn.ModuleList(build(topology, channels))
        self.dropout = DROPOUTS[dimensions](config.bottleneck_dropout)
        self.up = nn.ModuleList(_upward_stages(topology, gated=config.attention_gates))
        supervised = topology.features[:-1] if config.deep_supervision else topology.features[:1]
        point = (1,) * dimensions
        self.heads = nn.ModuleList(
            convolution(features, outputs, point, bias=True) for features in supervised
        )
        start_weights(self)
        fast_layout(self)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """Move or convert; the layout of the weights follows the device."""
        super()._apply(fn, recurse)
        fast_layout(self)
        return self

    def forward(self, images: Tensor) -> Tensor:
        """Logits at full resolution; see the base class."""
        logits: Tensor = self.heads[0](self._maps(images)[0])
        return logits

    def supervised(self, images: Tensor) -> list[Tensor]:
        """Logits of every stage of the way up with deep supervision; see the base class."""
        maps = self._maps(images)
        return [head(each) for head, each in zip(self.heads, maps, strict=False)]

    def _maps(self, images: Tensor) -> list[Tensor]:
        """Maps of the stages of the way up, from full resolution down."""
        skips = [in_fast_layout(images)]
        for stage in cast("Iterable[nn.Sequential]", self.down):
            skips.append(self._through(stage, skips[-1]))
        maps = [self.dropout(skips.pop())]
        for up in cast("Iterable[UpwardStage]", self.up):
            joined = run(up.join, maps[-1], skips.pop(), checkpointing=self.config.checkpointing)
            maps.append(self._through(list(up.blocks)[1:], joined))
        return maps[:0:-1]

    def _through(self, blocks: Iterable[nn.Module], maps: Tensor) -> Tensor:
        """One block after another, each checkpointed alone: a stage would keep too much."""
        for block in blocks:
            maps = run(block, maps, checkpointing=self.config.checkpointing)
        return maps


def _plain_stages(topology: UNetTopology, channels: int) -> list[nn.Sequential]:
    stages, before = [], channels
    for features, kernel, stride, blocks in _downward(topology):
        first = ConvBlock(before, features, kernel, stride)
        rest = (ConvBlock(features, features, kernel) for _ in range(blocks - 1))
        stages.append(nn.Sequential(first, *rest))
        before = features
    return stages


def _residual_stages(topology: UNetTopology, channels: int) -> list[nn.Sequential]:
    """Residual blocks; the first stage begins with a convolution of its own."""
    before = topology.features[0]
    stem = ConvBlock(channels, before, topology.kernels[0])
    stages: list[nn.Sequential] = []
    for features, kernel, stride, blocks in _downward(topology):
        first = ResidualBlock(before, features, kernel, stride)
        still = (1,) * len(kernel)
        rest = (ResidualBlock(features, features, kernel, still) for _ in range(blocks - 1))
        stages.append(nn.Sequential(*([] if stages else [stem]), first, *rest))
        before = features
    return stages


def _downward(topology: UNetTopology) -> Iterable[tuple[int, Sides, Sides, int]]:
    return zip(topology.features, topology.kernels, topology.strides, topology.blocks, strict=True)


def _upward_stages(topology: UNetTopology, *, gated: bool) -> list[UpwardStage]:
    """From the lowest resolution up; each has the kernel of the stage whose skip it takes."""
    return [
        UpwardStage(
            below=topology.features[stage + 1],
            features=topology.features[stage],
            kernel=topology.kernels[stage],
            stride=topology.strides[stage + 1],
            blocks=topology.decoder_blocks[stage],
            gated=gated,
        )
        for stage in reversed(range(len(topology.features) - 1))
    ]
