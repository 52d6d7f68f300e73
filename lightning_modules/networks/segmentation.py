"""What every network of the segmenter is: patches of images to logits of the same size."""

from abc import abstractmethod

from torch import Tensor, nn


class SegmentationNetwork(nn.Module):
    """Patches to logits, in 2D or 3D; a network writes :meth:`forward`.

    Attributes:
        divisor: What each side of a patch has to be a multiple of.
    """

    def __init__(self, divisor: tuple[int, ...]) -> None:
        super().__init__()
        self.divisor = divisor

    @abstractmethod
    def forward(self, images: Tensor) -> Tensor:
        """Images float ``(B, C, *patch)`` to logits ``(B, outputs, *patch)``."""

    def supervised(self, images: Tensor) -> list[Tensor]:
        """All logits that training compares with the mask, from full resolution down.

        One tensor where a network has no outputs at lower resolutions.
        """
        return [self(images)]
