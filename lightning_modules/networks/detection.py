"""What every network of the detector is: images to losses, and to boxes that may hold objects."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, NamedTuple

from torch import Tensor, nn

from lightning_modules.metrics.detection_rows import LEAST_SCORE

__all__ = ["LEAST_SCORE", "Candidates", "DetectionNetwork"]


class Candidates(NamedTuple):
    """Boxes of one image that may hold objects, the highest scores first.

    Attributes:
        boxes: float32 ``(N, 2 * D)``, low and then high corners along the axes of the image, inside
            it, none of them empty.
        scores: float32 ``(N,)``, above .001.
        labels: int64 ``(N,)``, positions among the classes.
    """

    boxes: Tensor
    scores: Tensor
    labels: Tensor


class DetectionNetwork(nn.Module, ABC):
    """Images to losses and candidates, in 2D or 3D.

    Attributes:
        divisor: What each side of an image has to be a multiple of.
        single: Whether there is exactly one box for each class and image.
        anchors: Sides of the boxes that objects are found as changes of, float32
            ``(levels, anchors, D)``; empty where a network has none.
    """

    single: ClassVar[bool] = False
    anchors: Tensor

    def __init__(self, divisor: int, anchors: Tensor) -> None:
        super().__init__()
        self.divisor = divisor
        self.register_buffer("anchors", anchors)

    @abstractmethod
    def losses(
        self, images: Tensor, boxes: Sequence[Tensor], labels: Sequence[Tensor]
    ) -> dict[str, Tensor]:
        """Losses of a batch, of which some images or all may hold no object.

        Args:
            images: float ``(B, C, *size)``.
            boxes: Of each image, float32 ``(N, 2 * D)``.
            labels: Of each image, int64 ``(N,)``; -1: neither object nor background.

        Returns:
            ``loss``, which is to be minimized, and the parts that it is the sum of.
        """

    @abstractmethod
    def candidates(self, images: Tensor) -> list[Candidates]:
        """Boxes of each of the images, float ``(B, C, *size)``; at most ``most_boxes`` an image.

        Boxes that all but coincide are told apart already; no other overlap is looked at.
        """
