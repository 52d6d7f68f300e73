"""RetinaNet of MONAI, in 2D and 3D, with fitted anchors and regions that do not count."""

from collections.abc import Callable, Sequence
from typing import Any, cast

from monai.apps.detection.networks.retinanet_detector import RetinaNetDetector
from monai.apps.detection.networks.retinanet_network import RetinaNet
from torch import Tensor, nn
from torchvision.ops import sigmoid_focal_loss

from datamodules.data_info import DetectionInfo
from lightning_modules.box_tensors import centred_within
from lightning_modules.configs.detection_networks import RetinaNetConfig
from lightning_modules.losses.box_losses import BOX_LOSSES
from lightning_modules.networks.anchors import AnchorGrid
from lightning_modules.networks.candidate_selection import select_candidates
from lightning_modules.networks.detection import Candidates, DetectionNetwork
from lightning_modules.networks.detection_encoders import FeaturePyramid
from lightning_modules.networks.memory_layout import fast_layout

CANDIDATES = 4
"""Places of each map that may learn an object (ATSS), as in nnDetection."""
MOST_SAMPLED = 256
LEAST_NEGATIVES = 16
"""Anchors of the background that an image contributes, also one without objects."""


class AnchorDetector(RetinaNetDetector):
    """MONAI's detector with regions that do not count, and a focal loss for each object."""

    ignored: Sequence[Tensor] = ()
    """Regions of each image of the batch that is learned from, ``(N, 2 * D)``."""

    def compute_anchor_matched_idxs(
        self,
        anchors: list[Tensor],
        targets: list[dict[str, Tensor]],
        num_anchor_locs_per_level: Sequence[int],
    ) -> list[Tensor]:
        """Object of each anchor; -1: background, -2: neither."""
        matches = super().compute_anchor_matched_idxs(anchors, targets, num_anchor_locs_per_level)
        for each, found, regions in zip(anchors, matches, self.ignored, strict=True):
            found[(found == -1) & (centred_within(each, regions))] = -2
        return matches

    def compute_cls_loss(
        self, cls_logits: Tensor, targets: list[dict[str, Tensor]], matched_idxs: list[Tensor]
    ) -> Tensor:
        """Loss of the classes; where nothing was sampled, none."""
        if self.fg_bg_sampler is None:
            objects = sum(int((each >= 0).sum()) for each in matched_idxs)
            loss = super().compute_cls_loss(cls_logits, targets, matched_idxs)
            return loss / max(objects, 1)
        if all((each == -2).all() for each in matched_idxs):
            return cls_logits.sum() * 0
        return super().compute_cls_loss(cls_logits, targets, matched_idxs)


class MeanLoss(nn.Module):
    """Mean of a loss over boxes."""

    def __init__(self, loss: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.loss = loss

    def forward(self, boxes: Tensor, truth: Tensor) -> Tensor:
        """Boxes or their encodings ``(N, 2 * D)``; a scalar."""
        return self.loss(boxes, truth).mean()


class FocalSum(nn.Module):
    """Sum of the focal loss over anchors and classes (Lin et al., ICCV 2017)."""

    def forward(self, logits: Tensor, truth: Tensor) -> Tensor:
        """Logits and truth ``(N, K)``; a scalar."""
        loss: Tensor = sigmoid_focal_loss(logits, truth, reduction="sum")
        return loss


class RetinaNetwork(DetectionNetwork):
    """Pyramid, and MONAI's heads and losses; see :class:`RetinaNetConfig`.

    Args:
        config: Settings.
        info: What is known of the data.
        pyramid: Maps.
        strides: Of the maps, from the finest to the coarsest.
        anchors: Fitted to the boxes of training, ``(levels, A, D)``.
    """

    def __init__(
        self,
        config: RetinaNetConfig,
        info: DetectionInfo,
        pyramid: FeaturePyramid,
        strides: Sequence[int],
        anchors: Tensor,
    ) -> None:
        super().__init__(strides[-1], anchors)
        self.most_boxes = config.most_boxes
        axes = len(info.patch)
        network = RetinaNet(axes, len(info.classes), anchors.shape[1], pyramid, strides[-1])
        self.detector = AnchorDetector(network, cast("Any", AnchorGrid(anchors, strides)))
        fast_layout(self.detector)
        self.detector.set_atss_matcher(CANDIDATES, center_in_gt=False)
        overlap = config.box_loss == "giou"
        self.detector.set_box_regression_loss(
            MeanLoss(BOX_LOSSES[config.box_loss]), encode_gt=not overlap, decode_pred=overlap
        )
        if config.classification == "hard-negatives":
            self.detector.set_hard_negative_sampler(
                MOST_SAMPLED, 1 / (1 + config.negatives), LEAST_NEGATIVES, config.pool
            )
        else:
            self.detector.set_cls_loss(FocalSum())

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, list[Tensor], list[int]]:
        """Images float ``(B, C, *size)`` to what is said of each anchor.

        Returns:
            Logits ``(B, N, K)``, encoded boxes ``(B, N, 2 * D)``, the anchors ``(N, 2 * D)`` of
            each image, and the places of each map.
        """
        detector = self.detector
        found = detector.network(images)
        logits, changes = found[detector.cls_key], found[detector.box_reg_key]
        anchors = detector.anchor_generator(images, logits)
        places = [each.shape[2:].numel() for each in logits]
        said = (detector._reshape_maps(each).float() for each in (logits, changes))
        return (*said, anchors, places)

    def losses(
        self, images: Tensor, boxes: Sequence[Tensor], labels: Sequence[Tensor]
    ) -> dict[str, Tensor]:
        """See the base class."""
        logits, changes, anchors, places = self(images)
        detector = self.detector
        targets = [
            {"boxes": each[kinds >= 0].float(), "labels": kinds[kinds >= 0]}
            for each, kinds in zip(boxes, labels, strict=True)
        ]
        detector.ignored = [
            each[kinds < 0].float() for each, kinds in zip(boxes, labels, strict=True)
        ]
        said = {detector.cls_key: logits, detector.box_reg_key: changes}
        found = detector.compute_loss(said, targets, anchors, places)
        of_box = found[detector.box_reg_key].to(changes) + changes.sum() * 0
        parts = {"class_loss": found[detector.cls_key], "box_loss": of_box}
        return {"loss": parts["class_loss"] + parts["box_loss"], **parts}

    def candidates(self, images: Tensor) -> list[Candidates]:
        """See the base class."""
        logits, changes, anchors, _ = self(images)
        coder, size = self.detector.box_coder, images.shape[2:]
        return [
            select_candidates(
                coder.decode_single(change, each), logit.sigmoid(), size, self.most_boxes
            )
            for logit, change, each in zip(logits, changes, anchors, strict=True)
        ]
