"""Boxes that do not lie in their image."""

from collections.abc import Sequence
from typing import Literal

TOLERANCE_PIXELS = 1
"""By how much a box may leave its image: annotators round."""


def stray(
    low: Sequence[float], high: Sequence[float], sides: Sequence[float]
) -> Literal["outside", "leaves"] | None:
    """Whether a box lies outside an image, or leaves it; None: it lies within.

    Args:
        low: Its corner with the lowest numbers, in pixels from the edge of the first.
        high: The other corner.
        sides: Of the image in pixels, along the same axes.
    """
    ends = list(zip(low, high, sides, strict=True))
    if any(end <= 0 or start >= side for start, end, side in ends):
        return "outside"
    if any(max(-start, end - side) > TOLERANCE_PIXELS for start, end, side in ends):
        return "leaves"
    return None
