"""What a volume is like, in a few numbers that a person understands."""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import adaptive_avg_pool3d

from datamodules.image_measures import LIKENESS, ImageKind, ImageMeasures, Measure, layout
from datamodules.transforms.volume_geometry import VolumeGeometry

AXES = ("left-right", "back-front", "down-up")
"""The canonical axes."""
ENDS = (0.005, 0.995)
"""Shares of the voxels that are below the darkest, and below the brightest, that count."""
NEAR = 0.1
"""Part of the range between them in which a voxel counts as one of the darkest, or brightest."""
LEAST_SPREAD = 1e-3
"""Of intensities; a volume with less has no contrast."""
THUMBNAIL = 8
"""Sides of the thumbnail that the layout of a volume is compared by."""
MOST_VOXELS = 2**21
"""Of a channel; of more, so many are looked at, on a coarser grid."""

SPACING_KNOWN = "axes with a known spacing"
SHAPES = (("narrower", "wider"), ("flatter", "deeper"), ("shorter", "longer"))


def _along(noun: str, unit: str, digits: int, instead_of: str | None = None) -> dict[str, Measure]:
    """A measure of the extent along each axis."""
    return {
        f"{axis} {noun}": Measure(
            *(f"{less} than", f"{more} than", 0.2),
            ratio=True,
            unit=unit,
            digits=digits,
            instead_of=instead_of and f"{axis} {instead_of}",
        )
        for axis, (less, more) in zip(AXES, SHAPES, strict=True)
    }


VOLUMES = ImageKind(
    "volumes",
    {
        SPACING_KNOWN: Measure("without the voxel sizes of", "", 0.1, digits=0),
        **_along("extent", " mm", 1),
        **_along("size", " voxels", 0, instead_of="extent"),
        **{
            f"{axis} spacing": Measure(
                "of finer voxels than",
                "of coarser voxels than",
                0.2,
                ratio=True,
                unit=" mm",
                digits=3,
            )
            for axis in AXES
        },
        "mean intensity": Measure("darker than", "brighter than", 0.05),
        "spread of intensity": Measure(
            "of less contrast than", "of more contrast than", 0.1, ratio=True
        ),
        "share of the darkest": Measure(
            "with less air or empty space than", "with more air or empty space than", 0.05
        ),
        "share of the brightest": Measure(
            "with fewer bright voxels than", "with more bright voxels than", 0.05
        ),
        "sharpness": Measure("smoother than", "sharper or noisier than", 0.2, ratio=True, digits=3),
        LIKENESS: Measure("inverted, turned, or of another part than", "", 0.05),
    },
)
"""What is measured of each volume."""


def measure_volume(image: NDArray[np.float16], geometry: VolumeGeometry) -> ImageMeasures:
    """Measure a prepared volume.

    Args:
        image: As it is stored, ``(C, *resampled)``; numbers of several channels are averaged, and
            their layouts stand side by side.
        geometry: How it was prepared; what was cropped away does not count.
    """
    steps = (slice(None, None, _step(geometry.resampled)),) * len(geometry.resampled)
    values = _extents(geometry)
    channels = [_measure_intensities(channel, steps) for channel in image]
    values |= {name: float(np.mean([own[name] for own in channels])) for name in channels[0]}
    thumbnails = [_thumbnail(channel[steps]) for channel in image]
    return ImageMeasures(values, np.concatenate(thumbnails) / np.float32(math.sqrt(len(image))))


def _step(shape: tuple[int, ...]) -> int:
    """Every how many voxels are looked at, along every axis."""
    times = math.prod(shape) / MOST_VOXELS
    return max(1, math.ceil(float(times ** (1 / len(shape)))))


def _extents(geometry: VolumeGeometry) -> dict[str, float]:
    """Of the part of the file that is used, along canonical axes."""
    values = {SPACING_KNOWN: float(len(AXES) * geometry.has_spacing)}
    steps = [geometry.original_spacing[axis] for axis in geometry.permutation]
    for axis, step, size in zip(AXES, steps, geometry.cropped, strict=True):
        values[f"{axis} size"] = float(size)
        if geometry.has_spacing:
            values |= {f"{axis} extent": size * step, f"{axis} spacing": step}
    return values


def _measure_intensities(
    channel: NDArray[np.float16], steps: tuple[slice, ...]
) -> dict[str, float]:
    grey = channel[steps].astype(np.float32)
    low, high = np.quantile(grey, ENDS).tolist()
    near = NEAR * (high - low)
    spread = float(grey.std(dtype=np.float64))
    return {
        "mean intensity": float(grey.mean(dtype=np.float64)),
        "spread of intensity": spread,
        "share of the darkest": float((grey <= low + near).mean()),
        "share of the brightest": float((grey > high - near).mean()),
        "sharpness": _difference(channel, steps) / max(spread, LEAST_SPREAD),
    }


def _difference(channel: NDArray[np.float16], steps: tuple[slice, ...]) -> float:
    """Root mean square difference of neighbouring voxels."""
    squares = []
    for axis in range(channel.ndim):
        lines = (*steps[:axis], slice(None), *steps[axis + 1 :])
        differences = np.diff(channel[lines].astype(np.float32), axis=axis)
        if differences.size:
            squares.append(float((differences**2).mean(dtype=np.float64)))
    return math.sqrt(np.mean(squares or [0.0]))


def _thumbnail(channel: NDArray[np.float16]) -> NDArray[np.float32]:
    grey = torch.from_numpy(channel.astype(np.float32))[None]
    thumbnail = adaptive_avg_pool3d(grey, THUMBNAIL).flatten().numpy()
    return layout(thumbnail, LEAST_SPREAD * math.sqrt(len(thumbnail)))
