"""From settings to a network of the segmenter."""

from datamodules.data_info import SegmentationInfo
from datamodules.errors import ConfigError
from lightning_modules.configs.segmentation_networks import (
    DualScaleConfig,
    SegmenterNetwork,
    SegResNetConfig,
    SwinUNETRConfig,
    VNetConfig,
)
from lightning_modules.networks.dual_scale import DualScaleNetwork
from lightning_modules.networks.segmentation import SegmentationNetwork
from lightning_modules.networks.segresnet import SegResNetSegmenter
from lightning_modules.networks.swin_unetr import SwinUNETRSegmenter
from lightning_modules.networks.unet import UNet
from lightning_modules.networks.unet_topology import times, unet_topology
from lightning_modules.networks.vnet import VNetSegmenter


def build_segmentation_network(
    config: SegmenterNetwork, info: SegmentationInfo
) -> SegmentationNetwork:
    """Build the network that settings name.

    Args:
        config: Settings.
        info: What is known of the data; a patch of two numbers makes a 2D network.

    Raises:
        ConfigError: If the patch does not fit the network, or settings do not fit together.
    """
    if len(info.patch) not in {2, 3} or len(info.patch) > len(info.spacing):
        raise ConfigError(
            f"a patch (data.patch) of {times(info.patch)} has {len(info.patch)} axes, but the "
            f"images have {len(info.spacing)}; a 2D network takes two numbers, a 3D network three"
        )
    network = _build(config, info)
    _check_patch(network, info.patch)
    return network


def _build(config: SegmenterNetwork, info: SegmentationInfo) -> SegmentationNetwork:
    channels, outputs, dimensions = info.channels, info.outputs, len(info.patch)
    match config:
        case SegResNetConfig():
            return SegResNetSegmenter(config, channels, outputs, dimensions)
        case VNetConfig():
            return VNetSegmenter(config, channels, outputs, dimensions)
        case SwinUNETRConfig():
            return SwinUNETRSegmenter(config, channels, outputs, dimensions)
        case DualScaleConfig():
            return DualScaleNetwork(config, channels, outputs, info.patch_spacing)
        case _:
            topology = unet_topology(config, info.patch, info.patch_spacing)
            return UNet(config, topology, channels, outputs)


def _check_patch(network: SegmentationNetwork, patch: tuple[int, ...]) -> None:
    """The patch must come out as it went in, with something left to normalise in between."""
    pairs = list(zip(patch, network.divisor, strict=True))
    if any(side % divisor for side, divisor in pairs):
        nearest = tuple(-(-side // divisor) * divisor for side, divisor in pairs)
        raise ConfigError(
            f"a patch (data.patch) of {times(patch)} does not fit this network (task.network), "
            f"whose patches are multiples of {times(network.divisor)}; the next one is "
            f"{times(nearest)}"
        )
    if all(side == divisor for side, divisor in pairs):
        raise ConfigError(
            f"a patch (data.patch) of {times(patch)} is reduced to a single voxel by this network "
            "(task.network): choose a larger patch or fewer stages"
        )
