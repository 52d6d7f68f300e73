"""MONAI's SwinUNETR."""

from monai.networks.nets.swin_unetr import SwinUNETR
from torch import Tensor

from lightning_modules.configs.segmentation_networks import SwinUNETRConfig
from lightning_modules.networks.segmentation import SegmentationNetwork


class SwinUNETRSegmenter(SegmentationNetwork):
    """Attention within shifted windows on the way down, convolutions on the way up.

    Checkpointing holds for the transformer's blocks.

    Args:
        config: Settings.
        channels: Of the images.
        outputs: Channels of the logits.
        dimensions: 2 or 3.

    References:
        Hatamizadeh et al., "Swin UNETR: Swin transformers for semantic segmentation of brain
        tumors in MRI images", BrainLes 2021.
    """

    def __init__(
        self, config: SwinUNETRConfig, channels: int, outputs: int, dimensions: int
    ) -> None:
        super().__init__(divisor=(32,) * dimensions)
        self.layers = SwinUNETR(
            in_channels=channels,
            out_channels=outputs,
            depths=config.depths,
            window_size=config.window,
            feature_size=config.features,
            drop_rate=config.dropout,
            attn_drop_rate=config.dropout,
            dropout_path_rate=config.drop_path,
            use_checkpoint=config.checkpointing,
            spatial_dims=dimensions,
        )

    def forward(self, images: Tensor) -> Tensor:
        """Logits at full resolution; see the base class."""
        logits: Tensor = self.layers(images)
        return logits
