"""Faster R-CNN of torchvision, with fitted anchors and regions that do not count."""

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import Tensor
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.roi_heads import RoIHeads, fastrcnn_loss
from torchvision.models.detection.rpn import RegionProposalNetwork, RPNHead
from torchvision.ops import MultiScaleRoIAlign

from datamodules.data_info import DetectionInfo
from lightning_modules.box_tensors import centred_within, pairwise_iou
from lightning_modules.configs.detection_networks import FasterRCNNConfig
from lightning_modules.networks.anchors import AnchorGrid
from lightning_modules.networks.candidate_selection import SAME
from lightning_modules.networks.coco_weights import load_coco_weights
from lightning_modules.networks.detection import (
    LEAST_SCORE,
    Candidates,
    DetectionNetwork,
)
from lightning_modules.networks.detection_encoders import FeaturePyramid

FOREGROUND = 0.5
"""Overlap from which a proposal is learned as an object."""
PROPOSALS = 500
"""Of an image, or as many as it has boxes at most."""
ALIGNED = 7
Targets = list[dict[str, Tensor]]


class Proposals(RegionProposalNetwork):
    """Proposes boxes; anchors in regions that do not count are no background."""

    def assign_targets_to_anchors(
        self, anchors: list[Tensor], targets: Targets
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Labels of anchors (1: object, 0: background, -1: neither) and their true boxes."""
        labels, matched = super().assign_targets_to_anchors(anchors, targets)
        for each, label, target in zip(anchors, labels, targets, strict=True):
            label[(label == 0) & (centred_within(each, target["ignored"]))] = -1
        return labels, matched

    def compute_loss(
        self,
        objectness: Tensor,
        pred_bbox_deltas: Tensor,
        labels: list[Tensor],
        regression_targets: list[Tensor],
    ) -> tuple[Tensor, Tensor]:
        """Losses of objectness and boxes; none where no anchor counts."""
        if all((each < 0).all() for each in labels):
            return objectness.sum() * 0, pred_bbox_deltas.sum() * 0
        found: tuple[Tensor, Tensor] = super().compute_loss(
            objectness, pred_bbox_deltas, labels, regression_targets
        )
        return found


class ProposalHeads(RoIHeads):
    """Looks at each proposal; those in regions that do not count are not learned from."""

    def losses(
        self,
        maps: dict[str, Tensor],
        proposals: list[Tensor],
        sizes: list[tuple[int, int]],
        targets: Targets,
    ) -> tuple[Tensor, Tensor]:
        """Losses of classes and boxes; none where no proposal counts."""
        counted = [
            each[_counts(each, target)] for each, target in zip(proposals, targets, strict=True)
        ]
        sampled, _, labels, wanted = self.select_training_samples(counted, targets)
        features = self.box_head(self.box_roi_pool(maps, sampled, sizes))
        logits, changes = self.box_predictor(features)
        if not len(logits):
            return logits.sum() * 0, changes.sum() * 0
        found: tuple[Tensor, Tensor] = fastrcnn_loss(logits, changes, labels, wanted)
        return found


def _counts(proposals: Tensor, target: dict[str, Tensor]) -> Tensor:
    """Which proposals are objects, or at least not in a region that does not count."""
    counts = ~centred_within(proposals, target["ignored"])
    if len(target["boxes"]):
        counts |= pairwise_iou(proposals, target["boxes"]).amax(dim=1) >= FOREGROUND
    return counts


class FasterRCNN(DetectionNetwork):
    """Pyramid, and torchvision's two stages; see :class:`FasterRCNNConfig`.

    Args:
        config: Settings.
        info: What is known of the data.
        pyramid: Maps.
        strides: Of the maps, from the finest to the coarsest.
        anchors: Fitted to the boxes of training, ``(levels, A, 2)``.
        load_weights: False when the weights of a checkpoint follow.

    Raises:
        ConfigError: If the weights of COCO cannot be had, or do not fit.
    """

    def __init__(
        self,
        config: FasterRCNNConfig,
        info: DetectionInfo,
        pyramid: FeaturePyramid,
        strides: Sequence[int],
        anchors: Tensor,
        *,
        load_weights: bool,
    ) -> None:
        super().__init__(strides[-1], anchors)
        self.backbone = pyramid
        proposals = max(PROPOSALS, config.most_boxes)
        self.rpn = _proposals(pyramid.out_channels, anchors, strides, proposals)
        self.roi_heads = _heads(
            pyramid.out_channels, config.hidden, len(info.classes), len(strides), config.most_boxes
        )
        if config.coco_weights is not None:
            pyramid.encoder.frozen_statistics = True
        if config.coco_weights is not None and load_weights:
            load_coco_weights(self, config.coco_weights)

    def losses(
        self, images: Tensor, boxes: Sequence[Tensor], labels: Sequence[Tensor]
    ) -> dict[str, Tensor]:
        """See the base class."""
        targets = [_target(*each) for each in zip(boxes, labels, strict=True)]
        listed, maps = self._maps(images)
        proposals, first = self.rpn(listed, maps, targets)
        of_class, of_box = self.roi_heads.losses(maps, proposals, listed.image_sizes, targets)
        parts = {
            "objectness_loss": first["loss_objectness"],
            "proposal_loss": first["loss_rpn_box_reg"],
            "class_loss": of_class,
            "box_loss": of_box,
        }
        return {"loss": torch.stack(list(parts.values())).sum(), **parts}

    def candidates(self, images: Tensor) -> list[Candidates]:
        """See the base class."""
        listed, maps = self._maps(images)
        proposals, _ = self.rpn(listed, maps)
        found, _ = self.roi_heads(maps, proposals, listed.image_sizes)
        return [
            Candidates(_swapped(each["boxes"]).float(), each["scores"].float(), each["labels"] - 1)
            for each in found
        ]

    def _maps(self, images: Tensor) -> tuple[ImageList, dict[str, Tensor]]:
        maps = OrderedDict((str(at), each) for at, each in enumerate(self.backbone(images)))
        size = (images.shape[2], images.shape[3])
        return ImageList(images, [size] * len(images)), maps


def _target(boxes: Tensor, labels: Tensor) -> dict[str, Tensor]:
    """As torchvision has it: x before y, and label 0 for the background."""
    known, boxes = labels >= 0, _swapped(boxes.float())
    return {"boxes": boxes[known], "labels": labels[known] + 1, "ignored": boxes[~known]}


def _swapped(boxes: Tensor) -> Tensor:
    """``y0, x0, y1, x1`` to ``x0, y0, x1, y1``, and back."""
    return boxes[:, [1, 0, 3, 2]]


def _proposals(features: int, anchors: Tensor, strides: Sequence[int], count: int) -> Proposals:
    return Proposals(
        AnchorGrid(anchors, strides, xy=True),
        RPNHead(features, anchors.shape[1]),
        fg_iou_thresh=0.7,
        bg_iou_thresh=0.3,
        batch_size_per_image=256,
        positive_fraction=0.5,
        pre_nms_top_n={"training": 2 * count, "testing": 2 * count},
        post_nms_top_n={"training": count, "testing": count},
        nms_thresh=0.7,
    )


def _heads(features: int, hidden: int, classes: int, levels: int, most: int) -> ProposalHeads:
    return ProposalHeads(
        MultiScaleRoIAlign([str(level) for level in range(levels)], ALIGNED, sampling_ratio=2),
        TwoMLPHead(features * ALIGNED**2, hidden),
        FastRCNNPredictor(hidden, 1 + classes),
        fg_iou_thresh=FOREGROUND,
        bg_iou_thresh=FOREGROUND,
        batch_size_per_image=128,
        positive_fraction=0.25,
        bbox_reg_weights=None,
        score_thresh=LEAST_SCORE,
        nms_thresh=SAME,
        detections_per_img=most,
    )
