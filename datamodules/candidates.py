"""Candidates: a box or a point in an image that is itself the case, as a selector of its source."""

import math
from collections.abc import Sequence

from datamodules.cases import CaseTable, Source
from datamodules.errors import DataError

_WORD = "box"

Box = tuple[float, float, float, float]
"""x, y of the upper left corner, width and height, in pixels of the file; a point has no size."""


def parse_box(cells: Sequence[str]) -> Box | str:
    """Read ``x, y`` or ``x, y, width, height``; a text says what is wrong with them."""
    try:
        x, y, *size = (float(cell) for cell in cells)
    except ValueError:
        return f"{', '.join(repr(cell) for cell in cells)} are not all numbers"
    width, height = size or (0.0, 0.0)
    if not all(0 <= number < math.inf for number in (x, y, width, height)):
        return f"{', '.join(cells)} lie outside every image"
    if size and not (width and height):
        return f"the box {', '.join(cells)} is empty"
    return x, y, width, height


def select_box(box: Box) -> str:
    """The selector of a source that means this box."""
    return f"{_WORD} " + " ".join(f"{number:g}" for number in box)


def selected_box(source: Source) -> Box | None:
    """The box that a source's selector means; None where it means something else."""
    word, _, numbers = (source.selector or "").partition(" ")
    if word != _WORD:
        return None
    x, y, width, height = map(float, numbers.split())
    return x, y, width, height


def has_candidates(table: CaseTable) -> bool:
    """Whether the cases of a dataset are candidates.

    Raises:
        DataError: If only some are.
    """
    whole = [
        case.case_id
        for case in table.cases
        if any(selected_box(source) is None for source in case.inputs.values())
    ]
    if whole and len(whole) < len(table.cases):
        raise DataError("some cases are candidates and others whole images", whole)
    return not whole
