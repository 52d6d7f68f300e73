"""MONAI's V-Net, with checkpointing, and with dropout that is right in 2D."""

from monai.networks.nets.vnet import UpTransition, VNet
from torch import Tensor, nn

from datamodules.errors import ConfigError
from lightning_modules.configs.segmentation_networks import VNetConfig
from lightning_modules.networks.checkpointing import run
from lightning_modules.networks.segmentation import SegmentationNetwork
from lightning_modules.networks.unet_blocks import DROPOUTS

FIRST = 16
"""Channels of the first stage, to which the image's are repeated."""


class VNetSegmenter(SegmentationNetwork):
    """Residual stages with kernels of five voxels.

    Args:
        config: Settings.
        channels: Of the images.
        outputs: Channels of the logits.
        dimensions: 2 or 3.

    Raises:
        ConfigError: If the channels cannot be repeated to 16.

    References:
        Milletari et al., "V-Net: fully convolutional neural networks for volumetric medical image
        segmentation", 3DV 2016.
    """

    def __init__(self, config: VNetConfig, channels: int, outputs: int, dimensions: int) -> None:
        super().__init__(divisor=(16,) * dimensions)
        if FIRST % channels:
            raise ConfigError(
                f"task.network.kind vnet repeats the image's channels to {FIRST}, which {channels} "
                "channels cannot be: choose another network, such as unet"
            )
        self.config = config
        self.layers = VNet(
            spatial_dims=dimensions,
            in_channels=channels,
            out_channels=outputs,
            dropout_prob_down=config.dropout,
            dropout_prob_up=(config.dropout, config.dropout),
        )
        _mend(self.layers, dimensions)

    def forward(self, images: Tensor) -> Tensor:
        """Logits at full resolution; see the base class."""
        layers, checkpointing = self.layers, self.config.checkpointing
        skips = [run(layers.in_tr, images, checkpointing=checkpointing)]
        for down in (layers.down_tr32, layers.down_tr64, layers.down_tr128, layers.down_tr256):
            skips.append(run(down, skips[-1], checkpointing=checkpointing))
        maps = skips.pop()
        for up in (layers.up_tr256, layers.up_tr128, layers.up_tr64, layers.up_tr32):
            maps = run(up, maps, skips.pop(), checkpointing=checkpointing)
        logits: Tensor = layers.out_tr(maps)
        return logits


def _mend(layers: VNet, dimensions: int) -> None:
    """In 2D MONAI's dropout leaves out whole images of a batch, not channels.

    And a bias before batch normalisation is one that nothing feels.
    """
    for module in list(layers.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, nn.Dropout3d):
                setattr(module, name, DROPOUTS[dimensions](child.p))
        if isinstance(module, UpTransition):
            module.up_conv.register_parameter("bias", None)
