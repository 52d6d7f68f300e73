"""Boxes of one class in all cases, from the highest score: what AP and FROC are computed from."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Indices = npt.NDArray[np.intp]

CELLS = 2**21
"""Weights of boxes held at once: 16 MiB."""


@dataclass(frozen=True, eq=False)
class RankedBoxes:
    """Boxes of one class that count, from the highest score.

    Attributes:
        scores: Descending, ``(N,)``.
        cases: Index of the case that each lies in, ``(N,)``.
        found: Whether each finds an object, else it is a false positive, ``(N,)``.
        objects: How many there are in each case, float64 ``(n,)``.
    """

    scores: Array
    cases: Indices
    found: Flags
    objects: Array


def in_parts(weights: Array, boxes: int) -> Iterator[Array]:
    """Weights ``(B, n)`` some rows at a time, so that those of the boxes fit into memory."""
    rows = max(1, CELLS // max(1, boxes))
    for start in range(0, len(weights), rows):
        yield weights[start : start + rows]
