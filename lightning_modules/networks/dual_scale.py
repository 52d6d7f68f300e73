"""Two streams over the same patch: fine detail, and the surroundings at a lower resolution."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lightning_modules.configs.segmentation_networks import DualScaleConfig
from lightning_modules.networks.checkpointing import run
from lightning_modules.networks.segmentation import SegmentationNetwork
from lightning_modules.networks.unet_blocks import (
    DROPOUTS,
    ConvBlock,
    convolution,
    start_weights,
)


class DualScaleNetwork(SegmentationNetwork):
    """A stream at full resolution and one at a lower one, joined by layers of one voxel's width.

    From DeepMedic it differs in that convolutions are padded, so that logits have the patch's size
    and both streams see the same patch; that the second stream sees means over voxels, not every
    third one; that instance normalisation and leaky rectifiers stand for batch normalisation and
    PReLU; and that an axis whose spacing is twice the finest or more is not reduced.

    Args:
        config: Settings.
        channels: Of the images.
        outputs: Channels of the logits.
        spacing: Of the patch in mm.

    References:
        Kamnitsas et al., "Efficient multi-scale 3D CNN with fully connected CRF for accurate brain
        lesion segmentation", Medical Image Analysis 2017.
    """

    def __init__(
        self, config: DualScaleConfig, channels: int, outputs: int, spacing: tuple[float, ...]
    ) -> None:
        reduced = tuple(config.reduction if step < 2 * min(spacing) else 1 for step in spacing)
        super().__init__(divisor=reduced)
        self.config = config
        point = (1,) * len(spacing)
        dropout = DROPOUTS[len(spacing)]
        self.fine = _stream(config.features, channels, len(spacing))
        self.coarse = _stream(config.features, channels, len(spacing))
        self.head = nn.Sequential(
            ConvBlock(2 * config.features[-1], config.hidden, point),
            dropout(config.dropout),
            ConvBlock(config.hidden, config.hidden, point),
            dropout(config.dropout),
            convolution(config.hidden, outputs, point, bias=True),
        )
        start_weights(self)

    def forward(self, images: Tensor) -> Tensor:
        """Logits at full resolution; see the base class."""
        fine, coarse = images, self._reduce(images)
        for of_fine, of_coarse in zip(self.fine, self.coarse, strict=True):
            fine = run(of_fine, fine, checkpointing=self.config.checkpointing)
            coarse = run(of_coarse, coarse, checkpointing=self.config.checkpointing)
        return run(self._join, fine, coarse, checkpointing=self.config.checkpointing)

    def _join(self, fine: Tensor, coarse: Tensor) -> Tensor:
        enlarged = F.interpolate(coarse, size=fine.shape[2:], mode="nearest")
        logits: Tensor = self.head(torch.cat((fine, enlarged), dim=1))
        return logits

    def _reduce(self, images: Tensor) -> Tensor:
        pool = F.avg_pool2d if len(self.divisor) == 2 else F.avg_pool3d
        return pool(images, self.divisor)


def _stream(features: tuple[int, ...], channels: int, dimensions: int) -> nn.Sequential:
    kernel = (3,) * dimensions
    before = (channels, *features[:-1])
    return nn.Sequential(
        *(ConvBlock(width, each, kernel) for width, each in zip(before, features, strict=True))
    )
