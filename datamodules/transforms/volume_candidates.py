"""Candidates in volumes: the detail about a point or a box, and the context that it lies in."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from datamodules.candidates import Triple, VolumeCandidate
from datamodules.configs.volume_preprocessing import VolumePreprocessing
from datamodules.configs.volumes import VolumeCandidateCrops
from datamodules.errors import DataError
from datamodules.transforms.resampling import resample
from datamodules.transforms.volume_geometry import VolumeGeometry
from datamodules.transforms.volume_preprocessing import PreparedVolume, PreprocessVolume
from datamodules.volume import Volume
from datamodules.windows import read_window

OPPOSITE = np.array([-1.0, -1.0, 1.0])
"""From LPS to RAS."""


class CutCandidates:
    """Cuts cubes in mm about candidates, to the nearest voxel, each stretched to one size.

    Args:
        preprocessing: Says what intensities become; spacing and crop are not its business here.
        crops: How wide the cubes are.
        size: Voxels along each canonical axis.
    """

    def __init__(
        self,
        preprocessing: VolumePreprocessing,
        crops: VolumeCandidateCrops,
        size: tuple[int, int, int],
    ) -> None:
        whole = preprocessing.replace(crop_to_nonzero=False, spacing_mm=None)
        self.prepare, self.crops, self.size = PreprocessVolume(whole), crops, size

    def whole(self, volume: Volume) -> PreparedVolume:
        """The volume that candidates lie in, along canonical axes, with final intensities."""
        return self.prepare(volume)

    def __call__(self, whole: PreparedVolume, candidate: VolumeCandidate) -> PreparedVolume:
        """Cut out one candidate.

        Args:
            whole: Of :meth:`whole`.
            candidate: Where it lies.

        Returns:
            ``image`` is float32 ``(2 C, *size)``: the channels of the context, then those of the
            detail. The geometry is that of the context, which may begin outside the volume.

        Raises:
            DataError: If the candidate lies outside the volume.
        """
        geometry, spacing = whole.geometry, np.asarray(whole.geometry.spacing)
        centre = _canonical_place(candidate, geometry)
        side = self.crops.detail * _longest_mm(candidate, geometry) or self.crops.point_mm
        cubes, starts, sizes = [], [], []
        for factor in (self.crops.context, 1.0):
            voxels = np.maximum(1, np.rint(factor * side / spacing)).astype(np.int64)
            start = np.rint(centre - (voxels - 1) / 2).astype(np.int64)
            cube = read_window(whole.image, start, voxels, fill=None)
            cubes.append(resample(cube, self.size, self.prepare.config.order))
            starts.append(start)
            sizes.append(voxels)
        context = replace(
            geometry,
            start=tuple(starts[0].tolist()),
            cropped=tuple(sizes[0].tolist()),
            resampled=self.size,
        )
        return PreparedVolume(np.concatenate(cubes), None, context, whole.content_hash)


def _canonical_place(candidate: VolumeCandidate, geometry: VolumeGeometry) -> NDArray[np.float64]:
    """Index of the middle of a candidate along canonical axes.

    Raises:
        DataError: If it lies outside the volume.
    """
    place = np.asarray(candidate.centre)
    if candidate.space != "voxel":
        ras = place * OPPOSITE if candidate.space == "lps-mm" else place
        affine = np.reshape(geometry.affine, (4, 4))
        place = np.linalg.solve(affine[:3, :3], ras - affine[:3, 3])
    if not all(-0.5 <= at < side - 0.5 for at, side in zip(place, geometry.shape, strict=True)):
        sides = " x ".join(map(str, geometry.shape))
        raise DataError(
            f"the candidate at {_numbers(candidate.centre)} ({candidate.space}) is voxel"
            f" {_numbers(place)}, which lies outside the volume of {sides} voxels"
        )
    turned = place[list(geometry.permutation)]
    ends = np.asarray(geometry.shape)[list(geometry.permutation)] - 1
    return np.asarray(np.where(geometry.flips, ends - turned, turned))


def _longest_mm(candidate: VolumeCandidate, geometry: VolumeGeometry) -> float:
    """Longest side of a box in mm; 0 of a point."""
    size: Triple | NDArray[np.float64] = candidate.size
    if candidate.space == "voxel":
        size = np.asarray(size) * geometry.original_spacing
    return float(max(size))


def _numbers(values: Sequence[float] | NDArray[np.float64]) -> str:
    return ", ".join(f"{value:.1f}" for value in values)
