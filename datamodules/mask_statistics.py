"""What cases with masks are like: all that planning a segmentation goes by."""

from dataclasses import dataclass
from math import prod
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from datamodules.batches import UNKNOWN
from datamodules.configs.volume_preprocessing import VolumePreprocessing
from datamodules.data_info import LabelSet
from datamodules.mask_cases import CaseVolumes
from datamodules.volume_statistics import CaseStatistics, VolumeStatistics, measure

ML = 1000.0
"""Cubic millimetres of a millilitre."""


@dataclass(frozen=True, eq=False)
class MaskedCaseStatistics(CaseStatistics):
    """What one case is like; its foreground is all structures.

    Attributes:
        voxels: Of each structure.
    """

    voxels: tuple[int, ...]

    @property
    def volumes(self) -> tuple[float, ...]:
        """Of each structure, in ml; in pixels where there is no spacing or no third axis."""
        unit = prod(self.spacing) / ML if self.has_spacing and len(self.shape) == 3 else 1.0
        return tuple(count * unit for count in self.voxels)


@dataclass(frozen=True, eq=False)
class MaskStatistics(VolumeStatistics):
    """What the training cases are like.

    Attributes:
        labels: Structures, and whether they exclude one another.
    """

    region: ClassVar[str] = "structures"
    cases: tuple[MaskedCaseStatistics, ...]
    labels: LabelSet

    @property
    def outputs(self) -> int:
        """Channels of a network's logits."""
        return len(self.labels.names) + self.labels.exclusive


def measure_masked(
    volumes: CaseVolumes, preprocessing: VolumePreprocessing, labels: LabelSet, samples: int
) -> MaskedCaseStatistics:
    """Measure one annotated case.

    Args:
        volumes: What its files hold.
        preprocessing: Says whether it is cropped.
        labels: Structures of its mask.
        samples: Foreground intensities to draw.

    Raises:
        DataError: If voxels have no value; the message is the reason only.
    """
    mask = volumes.mask
    assert mask is not None
    there = ((mask > 0) & (mask != UNKNOWN)).any(axis=0)
    found = measure(volumes.image, there, preprocessing, samples)
    return MaskedCaseStatistics(**vars(found), voxels=tuple(_sizes(mask, labels)))


def _sizes(mask: NDArray[np.uint8], labels: LabelSet) -> list[int]:
    """Voxels of each structure."""
    if labels.exclusive:
        return [int((mask[0] == number).sum()) for number in range(1, len(labels.names) + 1)]
    return [int((own == 1).sum()) for own in mask]
