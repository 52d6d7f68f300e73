"""Where the voxels of a prepared volume lie in the file that it came from, and back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

import numpy as np
from nibabel.orientations import apply_orientation, inv_ornt_aff, io_orientation
from numpy.typing import NDArray

from datamodules.transforms.resampling import (
    resample_labels,
    resample_probabilities,
    resample_slabs,
)
from datamodules.volume import Volume

SLAB = 32
"""Slices that are restored at once."""
ANISOTROPIC = 3.0
"""Above this ratio of spacings the thick slices are not blended (nnU-Net)."""


@dataclass(frozen=True, slots=True)
class VolumeGeometry:
    """How a volume became canonical (closest RAS+), cropped and resampled; plain numbers.

    Attributes:
        shape: Voxels along each spatial axis of the file.
        affine: The file's affine, row by row, 16 numbers.
        has_spacing: Whether the file declares a spacing.
        permutation: Of each canonical axis, which axis of the file it is.
        flips: Of each canonical axis, whether it runs against the file's.
        start: First voxel of the crop, along canonical axes.
        cropped: Voxels of the crop.
        resampled: Voxels afterwards.
        separate_axis: The canonical axis of thick slices that are not blended; None: none.
    """

    shape: tuple[int, ...]
    affine: tuple[float, ...]
    has_spacing: bool
    permutation: tuple[int, ...]
    flips: tuple[bool, ...]
    start: tuple[int, ...]
    cropped: tuple[int, ...]
    resampled: tuple[int, ...]
    separate_axis: int | None = None

    @classmethod
    def of(cls, volume: Volume) -> Self:
        """Canonical axes; neither cropped nor resampled."""
        permutation, flips = canonical_axes(volume)
        shape = tuple(volume.spatial[axis] for axis in permutation)
        affine = tuple(float(value) for value in volume.affine.ravel())
        return cls(
            *(volume.spatial, affine, volume.has_spacing, permutation, flips),
            *((0,) * len(shape), shape, shape),
        )

    def prepared(self) -> Self:
        """The prepared grid as if it were a file's: nothing is left to be brought back.

        Lengths are in its own pixels where the file declares no spacing.
        """
        steps = self.spacing if self.has_spacing else (1.0,) * len(self.resampled)
        affine = np.diag([*steps, *(1.0,) * (4 - len(steps))])
        grid = np.empty((0, *self.resampled), np.uint8)
        turned = Volume(grid, affine, self.has_spacing)
        return type(self).of(turned)

    @property
    def crop(self) -> tuple[slice, ...]:
        """Index of the crop in the canonical array, its channels first."""
        box = zip(self.start, self.cropped, strict=True)
        return (slice(None), *(slice(first, first + size) for first, size in box))

    @property
    def spacing(self) -> tuple[float, ...]:
        """Spacing of the prepared grid along canonical axes, in mm (pixels without a spacing)."""
        columns = np.reshape(self.affine, (4, 4))[:3, list(self.permutation)]
        lengths = np.linalg.norm(columns, axis=0) * self.cropped / self.resampled
        return tuple(float(length) for length in lengths)

    def to_canonical(self, array: NDArray[Any]) -> NDArray[Any]:
        """View an array ``(C, *shape)`` along canonical axes."""
        turned = array.transpose(0, *(axis + 1 for axis in self.permutation))
        return turned[(slice(None), *_steps(self.flips))]

    def to_file(self, array: NDArray[Any]) -> NDArray[Any]:
        """Inverse of :meth:`to_canonical`."""
        turned = array[(slice(None), *_steps(self.flips))]
        return turned.transpose(0, *(int(axis) + 1 for axis in np.argsort(self.permutation)))

    def restore_labels(self, labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Bring label maps uint8 ``(C, *resampled)`` back to ``(C, *shape)``; 0 beyond the crop."""
        return self._uncrop(resample_labels(labels, self.cropped, self.separate_axis))

    def restore_probabilities(self, probabilities: NDArray[Any]) -> NDArray[np.float32]:
        """Bring probabilities ``(C, *resampled)`` back, linearly, to float32 ``(C, *shape)``.

        Outside the crop every channel is 0, that of the background too.
        """
        return self._uncrop(resample_probabilities(probabilities, self.cropped, self.separate_axis))

    def restore_mask(
        self,
        values: NDArray[Any],
        decide: Callable[[NDArray[np.float32]], NDArray[np.uint8]],
        channels: int,
    ) -> NDArray[np.uint8]:
        """Decide on a mask on the grid of the file, a few slices at a time.

        Args:
            values: ``(C, *resampled)``, any float type: resampled linearly before the decision.
            decide: From values float32 ``(C, *part)`` of any part to a mask ``(channels, *part)``.
            channels: Of the mask.

        Returns:
            uint8 ``(channels, *shape)``; 0 outside the crop.
        """
        whole = np.zeros((channels, *self.shape), np.uint8)
        inside = self.to_canonical(whole)[self.crop]
        axis = len(self.shape) - 1
        slabs = resample_slabs(values, self.cropped, self.separate_axis, axis, SLAB)
        for rows, part in slabs:
            inside[..., rows] = decide(part)
        return whole

    def prepare_boxes(self, boxes: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
        """Bring boxes of the file to the prepared grid; they may then lie beyond the crop.

        Args:
            boxes: ``(N, 2 * axes)``: low and then high corner along the axes of the file, in
                continuous coordinates: voxel i covers ``[i, i + 1)``.
        """
        return _ordered(self.prepare_points(_corners(boxes, len(self.shape))))

    def restore_boxes(self, boxes: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
        """Inverse of :meth:`prepare_boxes`."""
        return _ordered(self.restore_points(_corners(boxes, len(self.shape))))

    def prepare_points(self, points: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
        """Bring points of the file to the prepared grid; they may then lie beyond the crop.

        Args:
            points: ``(N, axes)`` along the axes of the file, in continuous coordinates: voxel i
                covers ``[i, i + 1)``. NaN stays.
        """
        turned = np.asarray(points, np.float64)[:, list(self.permutation)]
        sides = np.asarray(self.shape)[list(self.permutation)]
        turned = np.where(self.flips, sides - turned, turned)
        scaled = (turned - self.start) * self.resampled / self.cropped
        return scaled.astype(np.float32)

    def restore_points(self, points: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
        """Inverse of :meth:`prepare_points`."""
        turned = np.asarray(points, np.float64) * self.cropped / self.resampled + self.start
        sides = np.asarray(self.shape)[list(self.permutation)]
        turned = np.where(self.flips, sides - turned, turned)
        return turned[:, np.argsort(self.permutation)].astype(np.float32)

    @property
    def original_spacing(self) -> tuple[float, ...]:
        """Spacing of the file along its own axes, in mm (pixels without a spacing)."""
        columns = np.reshape(self.affine, (4, 4))[:3, : len(self.shape)]
        return tuple(float(length) for length in np.linalg.norm(columns, axis=0))

    def as_volume(self, array: NDArray[Any]) -> Volume:
        """A volume of restored voxels ``(C, *shape)``, at the place of the file's."""
        return Volume(array, np.reshape(self.affine, (4, 4)), self.has_spacing)

    def _uncrop(self, array: NDArray[Any]) -> NDArray[Any]:
        whole = np.zeros((len(array), *self.shape), array.dtype)
        self.to_canonical(whole)[self.crop] = array
        return whole

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and lists, as JSON has them."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Inverse of :meth:`to_dict`."""
        fields: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in values.items()
        }
        return cls(**fields)


def canonical_axes(volume: Volume) -> tuple[tuple[int, ...], tuple[bool, ...]]:
    """Permutation and flips that bring a volume closest to RAS+; a 2D image stays as it is."""
    axes = len(volume.spatial)
    if axes == 2:
        return (0, 1), (False, False)
    orientation = io_orientation(volume.affine)
    permutation = np.argsort(orientation[:, 0])
    return (
        tuple(int(axis) for axis in permutation),
        tuple(bool(orientation[axis, 1] < 0) for axis in permutation),
    )


def run_alike(volume: Volume, image: Volume) -> bool:
    """Whether the axes of two grids have one order and direction, as nearly as they can."""
    axes = len(volume.spatial)
    own = _axes_within(volume, image)[:axes]
    return bool(np.array_equal(own, np.c_[np.arange(axes), np.ones(axes)]))


def turned_to(volume: Volume, image: Volume) -> Volume:
    """Bring the axes of a volume as close to those of an image as they come; 2D ones stay.

    Voxels keep their place: the affine is turned with them.
    """
    if len(volume.spatial) == 2 or run_alike(volume, image):
        return volume
    axes = _axes_within(volume, image)
    array = apply_orientation(np.moveaxis(volume.array, 0, 3), axes)
    affine = volume.affine @ inv_ornt_aff(axes, volume.spatial)
    return replace(volume, array=np.moveaxis(array, 3, 0), affine=affine)


def _axes_within(volume: Volume, image: Volume) -> NDArray[np.float64]:
    """Of each axis of a volume, the nearest one of the image and its direction, ``(3, 2)``."""
    axes: NDArray[np.float64] = io_orientation(np.linalg.solve(image.affine, volume.affine))
    return axes


def thick_axis(spacing: Sequence[float], target: Sequence[float]) -> int | None:
    """The one axis of thick slices before resampling, or else after it; None: there is none.

    References:
        nnU-Net's ``determine_do_sep_z_and_axis``.
    """
    for lengths in (spacing, target):
        if len(lengths) == 3 and max(lengths) / min(lengths) > ANISOTROPIC:
            thickest = [axis for axis, length in enumerate(lengths) if length == max(lengths)]
            return thickest[0] if len(thickest) == 1 else None
    return None


def _corners(boxes: NDArray[np.floating[Any]], axes: int) -> NDArray[np.float64]:
    """Low and high corners of boxes ``(N, 2 * axes)`` one after another, ``(2 * N, axes)``."""
    return np.asarray(boxes, np.float64).reshape(-1, axes)


def _ordered(corners: NDArray[np.float32]) -> NDArray[np.float32]:
    """Boxes ``(N, 2 * axes)`` of pairs of opposite corners, the low one first."""
    pairs = corners.reshape(-1, 2, corners.shape[-1])
    return np.concatenate([pairs.min(axis=1), pairs.max(axis=1)], axis=1)


def _steps(flips: Sequence[bool]) -> tuple[slice, ...]:
    return tuple(slice(None, None, -1 if flipped else 1) for flipped in flips)
