"""Boxes that do not lie in their image."""

from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np

from datamodules.box_places import PlacedBox
from datamodules.problems import Kind, Problem, Severity

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


def stray_boxes(
    case_id: str, boxes: Sequence[PlacedBox], shape: tuple[int, ...]
) -> Iterator[Problem]:
    """Boxes of a case that do not lie in its image: outside an error, beyond its edge a warning.

    Args:
        case_id: The case.
        boxes: Along the axes of its file.
        shape: Of the file.
    """
    axes = len(shape)
    size = f"the image of {' x '.join(map(str, shape))} voxels along the axes of its file"
    if axes == 2:
        size = f"the image of {shape[1]} x {shape[0]} pixels"
    for label, box in boxes:
        low, high = box[:axes], box[axes:]
        if not (where := stray(low, high, shape)):
            continue
        turn = -1 if axes == 2 else 1  # x before y, as in its file
        corners = f"{_numbers(low[::turn])} to {_numbers(high[::turn])}"
        does = "lies outside" if where == "outside" else "leaves"
        fault = f"the box {label} from {corners} {does} {size}"
        severe: Severity = "error" if where == "outside" else "warning"
        yield Problem(Kind.BOX, f"case '{case_id}'", fault, severe, case_id)


def _numbers(values: Sequence[float]) -> str:
    return ", ".join(f"{value:g}" for value in np.round(values, 1))
