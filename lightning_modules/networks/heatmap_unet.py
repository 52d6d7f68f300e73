"""A U-Net with a heatmap for each landmark."""

from collections.abc import Mapping, Sequence
from typing import ClassVar, cast

from torch import Tensor, nn
from torch.nn import functional as F

from datamodules.landmark_info import LandmarkInfo
from lightning_modules.configs.landmark_networks import HeatmapUNetConfig
from lightning_modules.configs.segmentation_networks import UNetConfig
from lightning_modules.networks.heatmap_decoding import Decoded
from lightning_modules.networks.landmarks import HeatmapObjective, LandmarkNetwork
from lightning_modules.networks.unet import UNet
from lightning_modules.networks.unet_topology import unet_topology

FIRST_HEIGHT = 1e-3
"""About how high the first heatmaps are."""


class HeatmapUNet(LandmarkNetwork):
    """A heatmap for each landmark at the resolution of the image.

    Args:
        config: Settings.
        info: What is known of the data.
    """

    windowed: ClassVar[bool] = True

    def __init__(self, config: HeatmapUNetConfig, info: LandmarkInfo) -> None:
        unet = build_unet(config.unet, info.patch, info.spacing, info.channels, len(info.points))
        super().__init__()
        self.unet = unet
        begin_empty(unet)
        self.objective = HeatmapObjective(config, len(info.points))

    def forward(self, images: Tensor) -> Tensor:
        """Heatmaps ``(B, K, *size)``."""
        maps: Tensor = self.unet(pad_to_multiple(images, self.unet.divisor))
        for axis, side in enumerate(images.shape[2:], start=2):
            maps = maps.narrow(axis, 0, side)
        return maps

    def losses(self, images: Tensor, points: Tensor) -> Mapping[str, Tensor]:
        """See the base class."""
        found: Mapping[str, Tensor] = self.objective(self(images), points)
        return found

    def locate(self, images: Tensor) -> Decoded:
        """See the base class."""
        return self.objective.decode(self(images))


def pad_to_multiple(images: Tensor, divisor: Sequence[int]) -> Tensor:
    """Images ``(B, C, *size)`` with zeros after their ends, up to multiples of a divisor."""
    beyond = [-side % step for side, step in zip(images.shape[2:], divisor, strict=True)]
    return F.pad(images, [width for after in reversed(beyond) for width in (0, after)])


def begin_empty(unet: UNet) -> None:
    """Let the first heatmaps be nearly 0: peaks that are there by chance take long to go."""
    head = cast("nn.Conv2d | nn.Conv3d", unet.heads[0])
    nn.init.normal_(head.weight, std=FIRST_HEIGHT)


def build_unet(
    config: UNetConfig,
    patch: tuple[int, ...],
    spacing: tuple[float, ...],
    channels: int,
    outputs: int,
) -> UNet:
    """A U-Net as deep as a patch allows; it takes any size that is a multiple of its divisor."""
    topology = unet_topology(config, patch, spacing)
    return UNet(config.replace(deep_supervision=False), topology, channels, outputs)
