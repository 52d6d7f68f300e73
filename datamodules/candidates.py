"""Candidates: a box or a point in an image that is itself the case, as a selector of its source."""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, cast, get_args

from datamodules.cases import CaseTable, Source
from datamodules.errors import DataError

Box = tuple[float, float, float, float]
"""x, y of the upper left corner, width and height, in pixels of the file; a point has no size."""
Space = Literal["voxel", "ras-mm", "lps-mm"]
"""What places in a volume are given in: indices of its voxels in the order of the file's axes; mm
as NIfTI has them (to the right, to the front, up); mm as DICOM, ITK and LUNA16 have them (to the
left, to the back, up)."""
Triple = tuple[float, float, float]

_WORD = "box"
_SPACES: tuple[str, ...] = get_args(Space)
_IN_VOLUME = re.compile(rf"(?:(\S+) )?{_WORD} ({'|'.join(_SPACES)}) (.+)")


@dataclass(frozen=True, slots=True)
class VolumeCandidate:
    """A box or a point in a volume.

    Attributes:
        space: What it is given in.
        start: The point, or the corner of the box with the lowest numbers. In voxels it is the
            index of a voxel, whose centre is meant; a box begins with that voxel.
        size: Of the box along the axes of the space: mm, or how many voxels; 0 of a point.
    """

    space: Space
    start: Triple
    size: Triple = (0.0, 0.0, 0.0)

    @property
    def centre(self) -> Triple:
        """Of the point or box: mm, or an index, where whole numbers are centres of voxels."""
        within = 1.0 if self.space == "voxel" and any(self.size) else 0.0
        i, j, k = (at + (size - within) / 2 for at, size in zip(self.start, self.size, strict=True))
        return i, j, k


def parse_box(cells: Sequence[str]) -> Box | str:
    """Read ``x, y`` or ``x, y, width, height``; a text says what is wrong with them."""
    numbers = _numbers(cells, negative=False)
    if isinstance(numbers, str):
        return numbers
    x, y, *size = numbers
    width, height = size or (0.0, 0.0)
    if size and not (width and height):
        return f"the box {', '.join(cells)} is empty"
    return x, y, width, height


def parse_candidate(cells: Sequence[str], space: Space) -> VolumeCandidate | str:
    """Read a point of three numbers or a box of six, corner and size; a text says what is wrong."""
    numbers = _numbers(cells, negative=space != "voxel")
    if isinstance(numbers, str):
        return numbers
    if min(numbers[3:], default=1) <= 0:
        return f"the box {', '.join(cells)} is empty"
    return _candidate(space, numbers)


def _numbers(cells: Sequence[str], *, negative: bool) -> list[float] | str:
    try:
        numbers = [float(cell) for cell in cells]
    except ValueError:
        return f"{', '.join(repr(cell) for cell in cells)} are not all numbers"
    lowest = -math.inf if negative else 0
    if not all(lowest <= number and math.isfinite(number) for number in numbers):
        return f"{', '.join(cells)} lie outside every image"
    return numbers


def select_box(box: Box) -> str:
    """The selector of a source that means this box."""
    return f"{_WORD} " + " ".join(f"{number:g}" for number in box)


def select_candidate(candidate: VolumeCandidate, image: str | None = None) -> str:
    """The selector of a source that means this place in a volume.

    Args:
        candidate: The place; a point is written without its size.
        image: What selects the volume itself, such as a SeriesInstanceUID.
    """
    numbers = [*candidate.start, *(candidate.size if any(candidate.size) else ())]
    words = [_WORD, candidate.space, *(f"{number:.12g}" for number in numbers)]
    return " ".join(words if image is None else [image, *words])


def selected_box(source: Source) -> Box | None:
    """The box that a source's selector means; None where it means something else."""
    word, _, numbers = (source.selector or "").partition(" ")
    if word != _WORD or numbers.startswith(_SPACES):
        return None
    x, y, width, height = map(float, numbers.split())
    return x, y, width, height


def selected_candidate(source: Source) -> VolumeCandidate | None:
    """The place in a volume that a source's selector means; None where it means something else."""
    match = _IN_VOLUME.fullmatch(source.selector or "")
    if match is None:
        return None
    return _candidate(cast("Space", match[2]), [float(word) for word in match[3].split()])


def _candidate(space: Space, numbers: Sequence[float]) -> VolumeCandidate:
    (i, j, k), (di, dj, dk) = numbers[:3], numbers[3:] or (0.0, 0.0, 0.0)
    return VolumeCandidate(space, (i, j, k), (di, dj, dk))


def image_of(source: Source) -> Source:
    """The image that a source is, or that a candidate lies in."""
    if match := _IN_VOLUME.fullmatch(source.selector or ""):
        return Source(source.path, match[1])
    return source if selected_box(source) is None else Source(source.path)


def has_candidates(table: CaseTable) -> bool:
    """Whether the cases of a dataset are candidates in films.

    Raises:
        DataError: If only some are.
    """
    return _all_have(table, selected_box)


def has_volume_candidates(table: CaseTable) -> bool:
    """Whether the cases of a dataset are candidates in volumes.

    Raises:
        DataError: If only some are.
    """
    return _all_have(table, selected_candidate)


def _all_have(table: CaseTable, place: Callable[[Source], object]) -> bool:
    whole = [
        case.case_id
        for case in table.cases
        if any(place(source) is None for source in case.inputs.values())
    ]
    if whole and len(whole) < len(table.cases):
        raise DataError("some cases are candidates and others whole images", whole)
    return not whole
