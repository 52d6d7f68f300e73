"""How volumes of any size are to be seen by a network: at which spacing, whole or in patches."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from datamodules.configs.volumes import (
    CroppedFit,
    Fit,
    PatchesFit,
    ResizedFit,
    Size,
    VolumesConfig,
)
from datamodules.errors import ConfigError
from datamodules.preprocessing_rules import target_spacing
from datamodules.transforms.resampling import resampled_shape
from datamodules.volume_statistics import VolumeStatistics
from lightning_modules.networks.unet_planning import coarser

COVERED_PERCENTILE = 95.0
"""Of the shapes of training cases: what a crop is to show whole."""
LEAST_SIDE = 16
"""Voxels; networks halve a volume several times."""
MOST_SIDE = 1024
SHORT_SIDE = 64
"""Up to here sides are multiples of 8, beyond of 16; volumes of such sides are small."""
DECIMALS = 5
"""Of a spacing in mm; headers often have 0.99999998."""
MOST_COARSER = 2.0
LEAST_BATCH = 2
"""Volumes of a step: what must fit."""
SHRINK = 0.97
"""From one size to the next that is tried, where volumes are stretched anyway."""

Spacing = tuple[float, ...]


class Room(Protocol):
    """Says whether a training step fits in memory."""

    def fits(self, size: Size, images: int) -> bool:
        """Whether a step of so many images of a size does."""


@dataclass(frozen=True)
class FitPlan:
    """What fits.

    Attributes:
        fit: How volumes are seen.
        spacing: That all are resampled to; None: they are stretched.
        finest: The spacing by nnU-Net's rule, which ``spacing`` may be coarser than.
        thick: The axis of thick slices, where that rule knows one.
        median: Voxels of the median case at ``finest``.
        covered: Voxels that 95 % of the cases have at most, at ``spacing``, else ``finest``.
        asked: What was tried first; larger than the size of ``fit`` where it did not fit.
    """

    fit: Fit
    spacing: Spacing | None
    finest: Spacing
    thick: int | None
    median: tuple[float, ...]
    covered: tuple[float, ...]
    asked: Size

    @property
    def images_a_volume(self) -> int:
        """That a step sees of each: one, or several patches."""
        return self.fit.per_volume if isinstance(self.fit, PatchesFit) else 1


def plan_fit(
    found: VolumeStatistics, data: VolumesConfig, room: Room, *, candidates: bool
) -> FitPlan:
    """Choose how volumes are seen.

    Whole in a crop, at the spacing of nnU-Net's rule, if two of them fit in memory; else whole at
    the finest spacing where they do, at most twice as coarse; else in the largest patches that fit.
    Volumes without a spacing, or all of one small shape, are stretched to that shape.

    Args:
        found: Statistics of the training cases.
        data: Its settings of patches and its size of candidates stay.
        room: What fits.
        candidates: Whether cases are places in volumes, which are always stretched.

    Raises:
        ConfigError: If not even the smallest size fits.
    """
    finest, thick = finest_spacing(found)
    shapes = shapes_at(found, finest)
    median, asked = np.median(shapes, axis=0), size_asked(found, data, candidates=candidates)

    def plan(fit: Fit, spacing: Spacing | None) -> FitPlan:
        most = covered(shapes_at(found, spacing or finest))
        numbers = (tuple(map(float, median)), tuple(map(float, most)))
        return FitPlan(fit, spacing, finest, thick, *numbers, asked)

    if candidates or _are_stretched(found, shapes):
        return plan(ResizedFit(size=_shrunk(asked, room)), None)
    for spacing in _spacings(finest):
        size = rounded_up(covered(shapes_at(found, spacing)))
        if max(size) <= MOST_SIDE and room.fits(size, LEAST_BATCH):
            return plan(CroppedFit(size=size), spacing)
    patches = data.fit if isinstance(data.fit, PatchesFit) else PatchesFit(foreground="otsu")
    images = LEAST_BATCH * patches.per_volume
    return plan(patches.replace(size=_largest_patch(asked, median, room, images)), finest)


def finest_spacing(found: VolumeStatistics) -> tuple[Spacing, int | None]:
    """That of nnU-Net's rule, and the axis of thick slices."""
    spacing, thick = target_spacing(found.spacings, found.shapes)
    return tuple(round(step, DECIMALS) for step in spacing), thick


def size_asked(found: VolumeStatistics, data: VolumesConfig, *, candidates: bool) -> Size:
    """The size that volumes are to have if memory allows; see :func:`plan_fit`."""
    if candidates:
        return data.fit.size
    shapes = shapes_at(found, finest_spacing(found)[0])
    if _one_small_shape(shapes):
        return _at_least(shapes[0])
    stretched = _are_stretched(found, shapes)
    return rounded_up(np.median(shapes, axis=0) if stretched else covered(shapes))


def shapes_at(found: VolumeStatistics, spacing: Spacing) -> NDArray[np.int64]:
    """Voxels of every case after resampling, ``(N, 3)``."""
    return np.array(
        [resampled_shape(case.cropped, case.spacing, spacing) for case in found.cases], np.int64
    )


def covered(shapes: NDArray[np.int64]) -> NDArray[np.float64]:
    """Sides that 95 % of the cases have at most, ``(3,)``."""
    return np.asarray(np.percentile(shapes, COVERED_PERCENTILE, axis=0))


def rounded_up(sides: Sequence[float] | NDArray[np.floating]) -> Size:
    """The next larger sides that networks halve well."""
    return _at_least([int(-(-side // _step(side)) * _step(side)) for side in sides])


def _at_least(sides: Sequence[int]) -> Size:
    i, j, k = (max(LEAST_SIDE, int(side)) for side in sides)
    return i, j, k


def _step(side: float) -> int:
    return 8 if side <= SHORT_SIDE else 16


def _spacings(finest: Spacing) -> Iterator[Spacing]:
    """From the finest, in small steps, to one that is twice as coarse somewhere."""
    spacing = finest
    while max(now / own for now, own in zip(spacing, finest, strict=True)) <= MOST_COARSER:
        yield spacing
        spacing = tuple(round(step, DECIMALS) for step in coarser(spacing))


def _are_stretched(found: VolumeStatistics, shapes: NDArray[np.int64]) -> bool:
    return _one_small_shape(shapes) or not all(case.has_spacing for case in found.cases)


def _one_small_shape(shapes: NDArray[np.int64]) -> bool:
    """Whether all have the same shape, and it is small."""
    return bool((shapes == shapes[0]).all() and shapes.max() <= SHORT_SIDE)


def _shrunk(asked: Size, room: Room) -> Size:
    """The size, or the largest of its proportions that fits."""
    share, size = 1.0, asked
    while max(size) > MOST_SIDE or not room.fits(size, LEAST_BATCH):
        if max(size) == LEAST_SIDE:
            raise _too_little()
        share *= SHRINK
        size = _at_least([int(side * share // 8) * 8 for side in asked])
    return size


def _largest_patch(asked: Size, median: NDArray[np.floating], room: Room, images: int) -> Size:
    """Reduced along the axis that is largest relative to the median case, until it fits."""
    patch = [min(side, MOST_SIDE) for side in asked]
    while not room.fits(_at_least(patch), images):
        if max(patch) == LEAST_SIDE:
            raise _too_little()
        larger = [axis for axis in range(len(patch)) if patch[axis] > LEAST_SIDE]
        axis = max(larger, key=lambda each: patch[each] / float(median[each]))
        patch[axis] -= _step(patch[axis])
    return _at_least(patch)


def _too_little() -> ConfigError:
    side = f"{LEAST_SIDE} x {LEAST_SIDE} x {LEAST_SIDE}"
    return ConfigError(
        f"--memory-gb is too little: a training step does not even fit with {side} voxels; give"
        " more, or a smaller network, or --task.network.checkpointing True"
    )
