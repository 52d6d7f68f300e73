"""MONAI's SegResNet with instance normalisation, and with checkpointing."""

from monai.networks.nets.segresnet import SegResNet
from torch import Tensor

from lightning_modules.configs.segmentation_networks import SegResNetConfig
from lightning_modules.networks.checkpointing import run
from lightning_modules.networks.segmentation import SegmentationNetwork


class SegResNetSegmenter(SegmentationNetwork):
    """Residual stages that halve the resolution, and a light way up that adds their maps.

    Channels are normalised each alone, as in Auto3DSeg's recipe for MONAI's later SegResNet, not in
    the paper's eight groups: in a group one channel's mean silences the other channels, and where
    structures are small every feature that is left says background.

    Args:
        config: Settings.
        channels: Of the images.
        outputs: Channels of the logits.
        dimensions: 2 or 3.

    References:
        Myronenko, "3D MRI brain tumor segmentation using autoencoder regularization", BrainLes
        2018, without the autoencoder.
    """

    def __init__(
        self, config: SegResNetConfig, channels: int, outputs: int, dimensions: int
    ) -> None:
        stages = len(config.blocks)
        super().__init__(divisor=(2 ** (stages - 1),) * dimensions)
        self.config = config
        self.layers = SegResNet(
            spatial_dims=dimensions,
            init_filters=config.filters,
            in_channels=channels,
            out_channels=outputs,
            dropout_prob=config.dropout or None,
            norm=("instance", {"affine": True}),
            blocks_down=config.blocks,
            blocks_up=(config.decoder_blocks,) * (stages - 1),
        )

    def forward(self, images: Tensor) -> Tensor:
        """Logits at full resolution; see the base class."""
        layers, checkpointing = self.layers, self.config.checkpointing
        maps = layers.convInit(images)
        if layers.dropout_prob is not None:
            maps = layers.dropout(maps)
        skips = []
        for stage in layers.down_layers:
            for block in stage:
                maps = run(block, maps, checkpointing=checkpointing)
            skips.append(maps)
        skips.pop()
        for enlarge, stage in zip(layers.up_samples, layers.up_layers, strict=True):
            maps = run(enlarge, maps, checkpointing=checkpointing) + skips.pop()
            for block in stage:
                maps = run(block, maps, checkpointing=checkpointing)
        logits: Tensor = layers.conv_final(maps)
        return logits
