"""Deterministic preprocessing of volumes: orientation, crop, intensities, spacing."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from datamodules.configs.volume_preprocessing import (
    CtWindow,
    Normalisation,
    RescaleRange,
    Rgb,
    VolumePreprocessing,
    ZScore,
)
from datamodules.errors import DataError
from datamodules.transforms.resampling import resample, resample_labels, resampled_shape
from datamodules.transforms.volume_geometry import VolumeGeometry, thick_axis
from datamodules.transforms.volume_reading import check_volume
from datamodules.transforms.volume_streams import describe
from datamodules.transforms.xray_pixels import content_hash
from datamodules.volume import Volume

PREPROCESSING_VERSION = 1
"""Raised whenever reading or preprocessing gives other voxels: part of the name of a cache."""
SMALLEST_DEVIATION = 1e-8


@dataclass(frozen=True, eq=False, slots=True)
class PreparedVolume:
    """A volume as the network is to see it.

    Attributes:
        image: float32, shape ``(C, *resampled)``, canonical axes.
        mask: uint8, shape ``(M, *resampled)``; None where there is none.
        geometry: Where its voxels lie in the file.
        content_hash: Of the decoded voxels of the file, for the leak check.
    """

    image: NDArray[np.float32]
    mask: NDArray[np.uint8] | None
    geometry: VolumeGeometry
    content_hash: bytes


class PreprocessVolume:
    """Turns a volume to canonical axes, crops, normalises and resamples it, as nnU-Net does.

    Args:
        config: Settings.
        size: Voxels along each canonical axis that every volume is stretched to; None: as many as
            the spacing asks for.
    """

    def __init__(self, config: VolumePreprocessing, size: tuple[int, ...] | None = None) -> None:
        self.config, self.size = config, size

    def __call__(self, data: Volume, mask: NDArray[np.uint8] | None = None) -> PreparedVolume:
        """Prepare one volume.

        Args:
            data: Any orientation.
            mask: uint8, shape ``(M, *spatial)``, along the axes of the volume.

        Raises:
            DataError: If a voxel is NaN or infinite, the mask has another shape, or the spacing
                asked for has another number of axes.
        """
        check_volume(data)
        if mask is not None and mask.shape[1:] != data.array.shape[1:]:
            sizes = describe(mask.shape[1:]), describe(data.array.shape[1:])
            raise DataError(f"the mask has {sizes[0]} voxels and the image {sizes[1]}")
        geometry, inside = self.plan(data)
        image = geometry.to_canonical(data.array)[geometry.crop]
        image = normalise(image, self.config.normalisation, inside)
        image = resample(image, geometry.resampled, self.config.order, geometry.separate_axis)
        if mask is not None:
            mask = geometry.to_canonical(mask)[geometry.crop]
            mask = resample_labels(mask, geometry.resampled, geometry.separate_axis)
        return PreparedVolume(image, mask, geometry, content_hash(data.array))

    def plan(self, data: Volume) -> tuple[VolumeGeometry, NDArray[np.bool_] | None]:
        """How a volume is to be prepared, and, where asked for, what in its crop is not 0."""
        config = self.config
        whole = VolumeGeometry.of(data)
        target = config.spacing_mm or whole.spacing
        if self.size is not None and len(self.size) != len(whole.spacing):
            raise DataError(f"it has {len(whole.spacing)} axes, and a volume has {len(self.size)}")
        if len(target) != len(whole.spacing):
            raise DataError(
                f"it has {len(whole.spacing)} axes, and the spacing asked for has {len(target)}"
            )
        masked = isinstance(config.normalisation, ZScore) and config.normalisation.over_nonzero
        geometry = whole
        inside: NDArray[np.bool_] | None = None
        if config.crop_to_nonzero or masked:
            inside = np.asarray(whole.to_canonical(data.array).any(axis=0))
        if config.crop_to_nonzero and inside is not None and inside.any():
            box = bounding_box(inside)
            geometry = replace(
                whole,
                start=tuple(side.start for side in box),
                cropped=tuple(side.stop - side.start for side in box),
            )
            inside = inside[box]
        geometry = replace(
            geometry,
            resampled=self.size or resampled_shape(geometry.cropped, whole.spacing, target),
        )
        separate = thick_axis(whole.spacing, geometry.spacing if self.size else target)
        geometry = replace(geometry, separate_axis=separate)
        return geometry, fill_holes(inside) if masked and inside is not None else None


def normalise(
    image: NDArray[Any], how: Normalisation, inside: NDArray[np.bool_] | None = None
) -> NDArray[np.float32]:
    """Bring intensities ``(C, *spatial)`` to the range that a network expects, as float32.

    Args:
        image: Any real dtype.
        how: Which way.
        inside: ``(*spatial)``; measured and changed only there, and 0 elsewhere; None: everywhere.
    """
    values = image.astype(np.float32, order="C")
    if isinstance(how, CtWindow):
        np.clip(values, how.low, how.high, out=values)
        values -= np.float32(how.mean)
        values /= np.float32(how.std)
    elif isinstance(how, Rgb):
        values /= np.float32(np.iinfo(image.dtype).max if image.dtype == np.uint16 else 255)
    else:
        for channel in values:
            _standardise(channel, how, inside)
    return values


def _standardise(
    channel: NDArray[np.float32], how: ZScore | RescaleRange, inside: NDArray[np.bool_] | None
) -> None:
    measured = channel if inside is None else channel[inside]
    if not measured.size:
        return
    if isinstance(how, RescaleRange):
        offset, scale = float(measured.min()), float(measured.max() - measured.min())
    else:
        offset, scale = (
            float(measured.mean(dtype=np.float64)),
            float(measured.std(dtype=np.float64)),
        )
    channel -= np.float32(offset)
    channel /= np.float32(max(scale, SMALLEST_DEVIATION))
    if inside is not None:
        channel[~inside] = 0


def bounding_box(inside: NDArray[np.bool_]) -> tuple[slice, ...]:
    """The smallest box with everything that is true; something must be."""
    sides = []
    for axis in range(inside.ndim):
        others = tuple(other for other in range(inside.ndim) if other != axis)
        used = np.flatnonzero(np.asarray(inside.any(axis=others)))
        sides.append(slice(int(used[0]), int(used[-1]) + 1))
    return tuple(sides)


def fill_holes(inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Fill what is enclosed; scipy's ``binary_fill_holes`` does so in many passes, this in one."""
    regions, count = ndimage.label(np.pad(~inside, 1, constant_values=True))
    open_to_outside = regions == regions.flat[0]
    return ~open_to_outside[(slice(1, -1),) * inside.ndim] if count > 1 else inside
