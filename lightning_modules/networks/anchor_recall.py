"""Whether anchors are like the boxes of training: what share of these they can find at best."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lightning_modules.networks.anchors import achievable_recall

log = logging.getLogger("lightbox")

IOUS = {2: (0.5,), 3: (0.1, 0.3, 0.5)}
"""Overlaps that are looked at, in images and in volumes."""
DECISIVE_IOU = {2: 0.5, 3: 0.3}
"""Overlap at which a recall below :data:`ENOUGH` is warned of."""
ENOUGH = 0.9
SMALL_SHARE = 0.1
"""Boxes that are called the smallest: a tenth, at least one."""
USUAL_SIZES = (32, 64, 128, 256, 512)
USUAL_RATIOS = (0.5, 1.0, 2.0)
USUAL_SHAPES = ((32, 32, 32), (48, 20, 20), (20, 48, 20), (20, 20, 48))
USUAL_SCALES = (1, 2, 4, 8)


@dataclass(frozen=True)
class AnchorRecall:
    """Shares of boxes that some anchor overlaps enough when it stands at their centre.

    Attributes:
        iou: What is enough.
        overall: Of all boxes.
        smallest: Of the smallest tenth.
    """

    iou: float
    overall: float
    smallest: float

    def __str__(self) -> str:
        shares = f"{self.overall:.1%} of boxes ({self.smallest:.1%} of the smallest tenth)"
        return f"{shares} at IoU {self.iou:g}"


def anchor_recall(box_sizes: Sequence[Sequence[float]], anchors: Tensor) -> list[AnchorRecall]:
    """What anchors can find at best.

    Args:
        box_sizes: Sides of boxes in voxels, ``(N, D)``; at least one.
        anchors: Sides ``(..., D)``.

    Returns:
        One for each overlap of :data:`IOUS`.
    """
    small = smallest_tenth(box_sizes)
    return [
        AnchorRecall(
            iou, achievable_recall(box_sizes, anchors, iou), achievable_recall(small, anchors, iou)
        )
        for iou in IOUS[anchors.shape[-1]]
    ]


def decisive_recall(box_sizes: Sequence[Sequence[float]], anchors: Tensor) -> AnchorRecall:
    """That at the overlap of :data:`DECISIVE_IOU`."""
    decisive = DECISIVE_IOU[anchors.shape[-1]]
    return next(each for each in anchor_recall(box_sizes, anchors) if each.iou == decisive)


def smallest_tenth(box_sizes: Sequence[Sequence[float]]) -> list[Sequence[float]]:
    """Boxes of the smallest area or volume: a tenth of them, at least one."""
    order = torch.tensor(box_sizes, dtype=torch.float64).prod(dim=1).argsort(stable=True)
    count = max(1, round(SMALL_SHARE * len(box_sizes)))
    return [box_sizes[at] for at in order[:count].tolist()]


def usual_anchors(axes: int) -> Tensor:
    """Anchors that libraries have when nobody fits any, float32 ``(levels, shapes, D)``.

    In 2D those of torchvision's Faster R-CNN with a feature pyramid, in 3D the defaults of MONAI's
    ``AnchorGeneratorWithAnchorShape``.
    """
    if axes == 3:
        scales = torch.tensor(USUAL_SCALES, dtype=torch.float32)
        return scales[:, None, None] * torch.tensor(USUAL_SHAPES, dtype=torch.float32)
    tall = torch.tensor(USUAL_RATIOS).sqrt()
    shapes = torch.stack((tall, 1 / tall), dim=1)
    return torch.tensor(USUAL_SIZES, dtype=torch.float32)[:, None, None] * shapes


def say_recall(box_sizes: Sequence[Sequence[float]], anchors: Tensor) -> None:
    """Log what the anchors of a network can find of the boxes of training; warn of too little."""
    if not len(box_sizes):
        return
    found = anchor_recall(box_sizes, anchors)
    log.info("anchors can find at best %s", "; ".join(map(str, found)))
    decisive = decisive_recall(box_sizes, anchors)
    if decisive.overall < ENOUGH:
        log.warning(
            "anchors are unlike %.0f %% of the boxes of training (IoU below %g): give more of them"
            " (--task.network.anchors), more maps (--task.network.levels), or a finer grid where"
            " boxes have sides below 4 voxels (--data.preprocessing.spacing-mm); python -m"
            " experiments.plan chooses all three",
            100 * (1 - decisive.overall),
            decisive.iou,
        )
