"""A one-stage detector without anchors: objectness, class and box at each place of its maps."""

import math
from collections.abc import Sequence
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from datamodules.data_info import DetectionInfo
from lightning_modules.box_tensors import points_within
from lightning_modules.configs.detection_networks import GridConfig
from lightning_modules.losses.box_losses import giou_loss, quality_focal_loss
from lightning_modules.networks.anchors import cell_centres
from lightning_modules.networks.candidate_selection import select_candidates
from lightning_modules.networks.detection import Candidates, DetectionNetwork
from lightning_modules.networks.detection_encoders import FeaturePyramid, conv_block
from lightning_modules.networks.grid_assignment import Assignment, assign
from lightning_modules.networks.memory_layout import fast_layout

RARE = 0.01
"""Objectness of every place at the beginning."""
LARGEST_CHANGE = 4.0
"""Sides are at most e^4 times those of a typical object of their map."""


class Places(NamedTuple):
    """What is said at every place of every map, the places one after another.

    Attributes:
        objectness: Logits ``(B, N)``.
        classes: Logits ``(B, N, K)``.
        boxes: In voxels, ``(B, N, 2 * D)``.
        centres: Of the places, in voxels, ``(N, D)``.
    """

    objectness: Tensor
    classes: Tensor
    boxes: Tensor
    centres: Tensor

    def of_image(self, at: int) -> "Places":
        """What is said of one image: without the first axis."""
        return Places(self.objectness[at], self.classes[at], self.boxes[at], self.centres)


class GridHead(nn.Module):
    """Two towers of convolutions: one for objectness and class, one for the box.

    All maps share it, so that an object is the same at any size.

    Args:
        axes: Of the images.
        features: Channels of the maps.
        classes: How many.
        blocks: Convolutions of each tower.
    """

    def __init__(self, axes: int, features: int, classes: int, blocks: int) -> None:
        super().__init__()
        kind = nn.Conv2d if axes == 2 else nn.Conv3d
        self.class_tower = _tower(axes, features, blocks)
        self.box_tower = _tower(axes, features, blocks)
        self.classes = kind(features, 1 + classes, 1)
        self.boxes = kind(features, 2 * axes, 1)
        for layer in (self.classes, self.boxes):
            nn.init.normal_(layer.weight, std=0.01)
            nn.init.zeros_(cast("Tensor", layer.bias))
        nn.init.constant_(cast("Tensor", self.classes.bias)[:1], -math.log((1 - RARE) / RARE))

    def forward(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        """Logits ``(B, places, 1 + K)`` and changes of boxes ``(B, places, 2 * D)``, float32."""
        found = (self.classes(self.class_tower(maps)), self.boxes(self.box_tower(maps)))
        logits, changes = (each.flatten(2).transpose(1, 2).float() for each in found)
        return logits, changes


class GridDetector(DetectionNetwork):
    """Pyramid and one head; see :class:`GridConfig`.

    Args:
        config: Settings.
        info: What is known of the data.
        pyramid: Maps.
        strides: Of the maps, from the finest to the coarsest.
        anchors: A typical object of each map, ``(levels, 1, D)``.
    """

    def __init__(
        self,
        config: GridConfig,
        info: DetectionInfo,
        pyramid: FeaturePyramid,
        strides: Sequence[int],
        anchors: Tensor,
    ) -> None:
        super().__init__(strides[-1], anchors)
        self.config, self.strides = config, tuple(strides)
        axes = len(info.patch)
        self.pyramid = pyramid
        self.head = GridHead(axes, pyramid.out_channels, len(info.classes), config.head_blocks)
        fast_layout(self.head)

    def forward(self, images: Tensor) -> Places:
        """Images float ``(B, C, *size)`` to what is said at every place."""
        logits, boxes, centres = [], [], []
        maps = self.pyramid(images)
        for stride, typical, each in zip(self.strides, self.anchors, maps, strict=True):
            said, changes = self.head(each)
            places = cell_centres(each.shape[2:], stride, each.device)
            offsets, growth = changes.chunk(2, dim=2)
            middles = places + offsets * stride
            halves = typical[0] * growth.clamp(max=LARGEST_CHANGE).exp() / 2
            logits.append(said)
            boxes.append(torch.cat((middles - halves, middles + halves), dim=2))
            centres.append(places)
        said = torch.cat(logits, dim=1)
        return Places(said[..., 0], said[..., 1:], torch.cat(boxes, 1), torch.cat(centres))

    def losses(
        self, images: Tensor, boxes: Sequence[Tensor], labels: Sequence[Tensor]
    ) -> dict[str, Tensor]:
        """See the base class; each part is a sum over places by that of their weights."""
        found = self(images)
        parts = [
            self._image_losses(found.of_image(at), *true)
            for at, true in enumerate(zip(boxes, labels, strict=True))
        ]
        objectness, classes, box, weights = torch.stack(parts).sum(dim=0)
        total = weights.clamp(min=1)
        losses = {
            "objectness_loss": objectness / total,
            "class_loss": classes / total,
            "box_loss": self.config.box_weight * box / total,
        }
        return {"loss": torch.stack(list(losses.values())).sum(), **losses}

    def candidates(self, images: Tensor) -> list[Candidates]:
        """See the base class; a score is objectness times the probability of the class."""
        found = self(images)
        scores = found.objectness.sigmoid()[..., None] * found.classes.sigmoid()
        pairs = zip(found.boxes, scores, strict=True)
        size, most = images.shape[2:], self.config.most_boxes
        return [select_candidates(*each, size, most) for each in pairs]

    def _image_losses(self, found: Places, boxes: Tensor, labels: Tensor) -> Tensor:
        """Sums over the places of an image: losses of objectness, class, box, and weights."""
        known = labels >= 0
        truth, kinds = boxes[known].float(), labels[known]
        given = self._assign(found, truth, kinds)
        of_objectness = quality_focal_loss(found.objectness, given.qualities)
        free = given.objects < 0
        left_out = free & points_within(found.centres, boxes[~known].float())
        own = given.objects[~free]
        wanted = F.one_hot(kinds[own], found.classes.shape[1]).float()
        of_class = F.binary_cross_entropy_with_logits(
            found.classes[~free], wanted, reduction="none"
        ).sum(dim=1)
        of_box = giou_loss(found.boxes[~free], truth[own])
        weights = given.weights[~free]
        return torch.stack(
            [
                of_objectness[~left_out].sum(),
                (of_class * weights).sum(),
                (of_box * weights).sum(),
                weights.sum(),
            ]
        )

    def _assign(self, found: Places, truth: Tensor, kinds: Tensor) -> Assignment:
        scores = found.objectness.detach().sigmoid()[:, None] * found.classes.detach().sigmoid()
        return assign(
            scores[:, kinds],
            found.boxes.detach(),
            found.centres,
            truth,
            float(self.strides[0]),
            self.config.places,
        )


def _tower(axes: int, features: int, blocks: int) -> nn.Sequential:
    return nn.Sequential(*(conv_block(axes, features, features, 3) for _ in range(blocks)))
