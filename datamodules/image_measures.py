"""Numbers that images are compared by, and how one speaks of them to a person."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

TINY = 1e-9
LIKENESS = "correlation with their mean"
"""Measure of the layout of an image; it takes other images, so that an image alone has none."""


@dataclass(frozen=True)
class Measure:
    """One number of an image, and how it is spoken of.

    Attributes:
        below, above: How an image with less, or more, compares to training images; empty: it is not
            looked at.
        margin: What the range of the training images is widened by at least; for a ratio, the
            relative part.
        ratio: Whether what counts is how many times more, not how much more.
        unit: Of the number.
        digits: Decimals that are shown.
        instead_of: The measure in whose place this one is taken where no training image has it.
    """

    below: str
    above: str
    margin: float
    ratio: bool = False
    unit: str = ""
    digits: int = 2
    instead_of: str | None = None

    def excess(self, value: float, low: float, high: float, widening: float) -> float:
        """How far a value is outside a range, in margins; 0 inside.

        A margin is at least the share ``widening`` of the range.
        """
        margin = self.margin
        if self.ratio:
            value, low, high = (math.log(max(each, TINY)) for each in (value, low, high))
            margin = math.log1p(margin)
        beyond = max(low - value if self.below else 0.0, value - high if self.above else 0.0, 0.0)
        return beyond / max(margin, widening * (high - low))

    def describe(self, images: str, name: str, value: float, low: float, high: float) -> str:
        """Why a value outside the range of the training ``images`` is unusual."""
        shown = [f"{each:.{self.digits}f}" for each in (value, low, high)]
        comparison = self.below if value < low else self.above
        return (
            f"{comparison} training {images}: {name} {shown[0]}{self.unit},"
            f" training {shown[1]} to {shown[2]}{self.unit}"
        )


@dataclass(frozen=True)
class ImageKind:
    """What is measured of one kind of image.

    Attributes:
        noun: What several of them are called.
        measures: By name, in the order in which they are spoken of.
    """

    noun: str
    measures: Mapping[str, Measure]


class ImageMeasures(NamedTuple):
    """What is measured of one image.

    Attributes:
        values: By name; :data:`LIKENESS` is not among them, and what is not known is absent.
        thumbnail: float32 ``(K,)``, mean 0 and length 1; all 0 of an image without contrast.
    """

    values: Mapping[str, float]
    thumbnail: NDArray[np.float32]


def layout(thumbnail: NDArray[np.float32], least: float) -> NDArray[np.float32]:
    """A thumbnail ``(K,)`` as mean 0 and length 1, or all 0 where it differs by less than that."""
    centred = thumbnail - thumbnail.mean()
    length = float(np.linalg.norm(centred))
    found: NDArray[np.float32] = centred / length if length > least else np.zeros_like(centred)
    return found
