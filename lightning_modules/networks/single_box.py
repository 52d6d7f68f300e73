"""Exactly one box for each class: where an organ is, and how large."""

from collections.abc import Sequence
from typing import ClassVar, cast

import torch
from torch import Tensor, nn

from datamodules.data_info import DetectionInfo
from lightning_modules.configs.detection_networks import SingleBoxConfig
from lightning_modules.losses.box_losses import BOX_LOSSES
from lightning_modules.networks.anchors import cell_centres
from lightning_modules.networks.candidate_selection import within
from lightning_modules.networks.detection import Candidates, DetectionNetwork
from lightning_modules.networks.detection_encoders import Encoder

LEAST_SIDE = 1.0
"""No box is smaller, in voxels."""


class SingleBoxNetwork(DetectionNetwork):
    """Encoder, attention over its map, and from that the middle and the sides of a box.

    The middle is the mean of the places by their attention, so that it moves with the image; the
    sides are what is said there.

    Args:
        config: Settings.
        info: What is known of the data.
        encoder: Its coarsest map is looked at.

    References:
        Sun et al., "Integral human pose regression", ECCV 2018.
    """

    single: ClassVar[bool] = True

    def __init__(self, config: SingleBoxConfig, info: DetectionInfo, encoder: Encoder) -> None:
        self.axes, self.classes = len(info.patch), len(info.classes)
        super().__init__(config.reduction, torch.empty(0, 0, self.axes))
        self.config = config
        self.encoder = encoder
        kind = nn.Conv2d if self.axes == 2 else nn.Conv3d
        self.head = kind(encoder.features[-1], self.classes * (1 + self.axes), 1)
        nn.init.normal_(self.head.weight, std=0.01)
        nn.init.zeros_(cast("Tensor", self.head.bias))

    def forward(self, images: Tensor) -> Tensor:
        """Images float ``(B, C, *size)`` to boxes relative to the image, ``(B, K, 2 * D)``."""
        maps = self.head(self.encoder(images)[-1]).float()
        places = cell_centres(maps.shape[2:], self.config.reduction, maps.device)
        places = places / places.new_tensor(images.shape[2:])
        said = maps.flatten(2).unflatten(1, (self.classes, 1 + self.axes))
        attention = said[:, :, 0].softmax(dim=2)
        middles = attention @ places
        sides = (said[:, :, 1:] * attention[:, :, None]).sum(dim=3).sigmoid()
        return torch.cat((middles - sides / 2, middles + sides / 2), dim=2)

    def losses(
        self, images: Tensor, boxes: Sequence[Tensor], labels: Sequence[Tensor]
    ) -> dict[str, Tensor]:
        """See the base class; classes without a box in an image contribute nothing there.

        Of several boxes of a class the first counts.
        """
        found = self(images)
        scale = found.new_tensor([*images.shape[2:]] * 2)
        pairs: list[tuple[Tensor, Tensor]] = []
        for each, truth, kinds in zip(found, boxes, labels, strict=True):
            for label in kinds[kinds >= 0].unique().tolist():
                first = int((kinds == label).nonzero()[0])
                pairs.append((each[label], truth[first].float() / scale))
        if not pairs:
            return {"loss": found.sum() * 0}
        predicted, wanted = (torch.stack(list(each)) for each in zip(*pairs, strict=True))
        return {"loss": BOX_LOSSES[self.config.box_loss](predicted, wanted).mean()}

    def candidates(self, images: Tensor) -> list[Candidates]:
        """See the base class; one box for each class, of score 1."""
        size = images.shape[2:]
        found = self(images)
        boxes = [within(each, size) for each in found * found.new_tensor([*size] * 2)]
        labels = torch.arange(self.classes, device=found.device)
        return [
            Candidates(_not_empty(each, size), torch.ones_like(each[:, 0]), labels)
            for each in boxes
        ]


def _not_empty(boxes: Tensor, size: Sequence[int]) -> Tensor:
    """Boxes ``(N, 2 * D)`` within an image, every side at least a voxel long."""
    low, high = boxes.chunk(2, dim=1)
    low = low.minimum(low.new_tensor(list(size)) - LEAST_SIDE)
    return torch.cat((low, high.maximum(low + LEAST_SIDE)), dim=1)
