"""How images with objects of any size are to be seen: at which spacing, whole or in windows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from datamodules.box_statistics import BoxStatistics, Sides
from datamodules.errors import ConfigError
from experiments.planned_fit import DECIMALS, Spacing, covered, finest_spacing, shapes_at
from lightning_modules.networks.anchors import LEAST_SIDE, SMALLEST_SHARE
from lightning_modules.networks.unet_planning import coarser

LARGEST_SHARE = 0.05
"""Share of the boxes that may be larger than a window, or than the objects of the coarsest map."""
SEEN_WELL = 16.0
"""Voxels that the side of a small object keeps where images are made smaller to be seen whole."""
MOST_MAGNIFIED = 4.0
LEAST_BATCH = 2
"""Patches of a step: what must fit."""
MOST_SIDE = {2: 4096, 3: 512}
"""Voxels."""
OVERLAPS = (0.25, 0.5)
"""Least and most share of a window that the next one sees again."""
STEP = 0.05

Patch = tuple[int, ...]


class Room(Protocol):
    """Says whether a training step fits in memory, and what its network asks of a patch."""

    def divisor(self, sizes: Sides, whole: Sequence[float]) -> int:
        """What sides of a patch are a multiple of, for boxes of such sizes."""

    def fits(self, sizes: Sides, whole: Sequence[float], patch: Patch, images: int) -> bool:
        """Whether a step of so many patches does."""


@dataclass(frozen=True)
class ViewPlan:
    """How images are seen.

    Attributes:
        spacing: That all are resampled to.
        finest: The spacing of the files, by nnU-Net's rule.
        thick: The axis of thick slices, where that rule knows one.
        sizes: Sides of boxes at ``spacing``, in voxels.
        whole: Voxels that 95 % of the cases have at most, at ``spacing``.
        patch: What the network sees at once.
        windows: Whether whole cases are looked at in windows.
        overlap: Of these.
    """

    spacing: Spacing
    finest: Spacing
    thick: int | None
    sizes: Sides
    whole: tuple[float, ...]
    patch: Patch
    windows: bool
    overlap: float

    @property
    def small(self) -> float:
        """Mean side of small objects, in voxels."""
        return small_side(self.sizes)

    @property
    def large(self) -> tuple[float, ...]:
        """Sides that 95 % of the objects have at most, in voxels."""
        return large_sides(self.sizes)


def plan_view(found: BoxStatistics, room: Room) -> ViewPlan:
    """Choose how images are seen.

    At the spacing of the files; finer, where the smallest objects would have less than 4 voxels a
    side. Whole if two images fit in memory. Else made smaller, as long as the smallest objects keep
    16 voxels. Else in windows at the finest of these spacings at which they hold the largest
    objects.

    Args:
        found: Statistics of the training cases.
        room: What fits.

    Raises:
        ConfigError: If not even the smallest windows fit.
    """
    given, thick = finest_spacing(found)
    finest = magnified(given, small_side(found.sides_at(given)))

    def plan(spacing: Spacing, patch: Patch, *, windows: bool) -> ViewPlan:
        sizes, whole = found.sides_at(spacing), whole_at(found, spacing)
        overlap = _overlap(sizes, patch) if windows else OVERLAPS[0]
        return ViewPlan(spacing, given, thick, sizes, whole, patch, windows, overlap)

    for spacing in _spacings(found, finest, SEEN_WELL):
        sizes, whole = found.sides_at(spacing), whole_at(found, spacing)
        patch = rounded_up(whole, room.divisor(sizes, whole))
        if max(patch) <= MOST_SIDE[len(patch)] and room.fits(sizes, whole, patch, LEAST_BATCH):
            return plan(spacing, patch, windows=False)
    for spacing in _spacings(found, finest, LEAST_SIDE):
        sizes, whole = found.sides_at(spacing), whole_at(found, spacing)
        patch = _largest_window(sizes, whole, room)
        if all(side >= least for side, least in zip(patch, large_sides(sizes), strict=True)):
            break
    return plan(spacing, patch, windows=True)


def small_side(sizes: Sides) -> float:
    """Mean side that all but the smallest twentieth of the boxes have."""
    return float(np.quantile(box_lengths(sizes), SMALLEST_SHARE))


def large_sides(sizes: Sides) -> tuple[float, ...]:
    """Sides along the axes that all but the largest twentieth of the boxes have at most."""
    return tuple(np.quantile(np.array(sizes), 1 - LARGEST_SHARE, axis=0).tolist())


def box_lengths(sizes: Sides) -> NDArray[np.float64]:
    """Geometric mean of the sides of each box, ``(N,)``."""
    lengths = np.exp(np.log(np.array(sizes)).mean(axis=1))
    return np.asarray(lengths, np.float64)


def magnified(spacing: Spacing, small: float) -> Spacing:
    """Finer along all axes, so that a small object has 4 voxels a side; at most four times."""
    if small >= LEAST_SIDE:
        return spacing
    factor = min(LEAST_SIDE / small, MOST_MAGNIFIED)
    return tuple(round(step / factor, DECIMALS) for step in spacing)


def whole_at(found: BoxStatistics, spacing: Spacing) -> tuple[float, ...]:
    """Voxels that 95 % of the cases have at most."""
    return tuple(covered(shapes_at(found, spacing)).tolist())


def rounded_up(sides: Sequence[float], divisor: int) -> Patch:
    """The next larger multiples."""
    return tuple(int(-(-side // divisor) * divisor) for side in sides)


def _spacings(found: BoxStatistics, finest: Spacing, least: float) -> Iterator[Spacing]:
    """From the finest, in small steps, as long as small objects have so many voxels a side."""
    spacing = finest
    yield spacing
    while small_side(found.sides_at(spacing := tuple(coarser(spacing)))) >= least:
        yield tuple(round(step, DECIMALS) for step in spacing)


def _largest_window(sizes: Sides, whole: tuple[float, ...], room: Room) -> Patch:
    """Reduced along the axis that is largest relative to a whole image, until it fits."""
    divisor = room.divisor(sizes, whole)
    most = MOST_SIDE[len(whole)] // divisor * divisor
    patch = [min(side, most) for side in rounded_up(whole, divisor)]
    while not room.fits(sizes, whole, tuple(patch), LEAST_BATCH):
        if max(patch) == divisor:
            side = " x ".join([str(divisor)] * len(patch))
            raise ConfigError(
                f"--memory-gb is too little: a training step does not even fit with {side} voxels;"
                " give more, or a smaller network"
            )
        larger = [axis for axis in range(len(patch)) if patch[axis] > divisor]
        patch[max(larger, key=lambda axis: patch[axis] / whole[axis])] -= divisor
    return tuple(patch)


def _overlap(sizes: Sides, patch: Patch) -> float:
    """What large objects need to be whole in one of the windows, in steps of 0.05."""
    share = max(side / length for side, length in zip(large_sides(sizes), patch, strict=True))
    least, most = OVERLAPS
    return round(min(max(float(np.ceil(share / STEP)) * STEP, least), most), 2)
