"""What cases with masks are like: all that planning goes by."""

from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from datamodules.batches import UNKNOWN, LabelSet
from datamodules.configs.masks import MasksConfig
from datamodules.configs.volumes import ZScore
from datamodules.mask_cases import CaseVolumes
from datamodules.transforms.volume_preprocessing import PreprocessVolume
from datamodules.transforms.volume_reading import check_volume

ML = 1000.0
"""Cubic millimetres of a millilitre."""


@dataclass(frozen=True, eq=False)
class CaseStatistics:
    """What one case is like, along canonical axes.

    Attributes:
        shape: Voxels along each axis.
        cropped: The same, cropped to what is not 0 if the settings say so.
        spacing: In mm (1 where the files have none).
        has_spacing: Whether they have one.
        channels: Of the image.
        lowest: Value of any voxel.
        highest: Value of any voxel.
        foreground: Intensities drawn from all structures and channels; empty: it has no structure.
        voxels: Of each structure.
    """

    shape: tuple[int, ...]
    cropped: tuple[int, ...]
    spacing: tuple[float, ...]
    has_spacing: bool
    channels: int
    lowest: float
    highest: float
    foreground: NDArray[np.float32]
    voxels: tuple[int, ...]

    @property
    def share_left(self) -> float:
        """Share of the voxels that cropping leaves."""
        return prod(self.cropped) / prod(self.shape)

    @property
    def volumes(self) -> tuple[float, ...]:
        """Of each structure, in ml; in pixels where there is no spacing or no third axis."""
        unit = prod(self.spacing) / ML if self.has_spacing and len(self.shape) == 3 else 1.0
        return tuple(count * unit for count in self.voxels)


@dataclass(frozen=True, eq=False)
class MaskStatistics:
    """What the training cases are like.

    Attributes:
        dataset: Its name.
        labels: Structures, and whether they exclude one another.
        cases: One for each training case.
    """

    dataset: str
    labels: LabelSet
    cases: tuple[CaseStatistics, ...]

    @property
    def spacings(self) -> NDArray[np.float64]:
        """In mm, ``(N, 2 or 3)``."""
        return np.array([case.spacing for case in self.cases])

    @property
    def shapes(self) -> NDArray[np.int64]:
        """Voxels after cropping, ``(N, 2 or 3)``."""
        return np.array([case.cropped for case in self.cases])

    @property
    def foreground(self) -> NDArray[np.float32]:
        """Intensities within structures, each case that has any as often."""
        return np.concatenate([case.foreground for case in self.cases])

    @property
    def outputs(self) -> int:
        """Channels of a network's logits."""
        return len(self.labels.names) + self.labels.exclusive


def measure(
    volumes: CaseVolumes, config: MasksConfig, labels: LabelSet, samples: int
) -> CaseStatistics:
    """Measure one annotated case.

    Args:
        volumes: What its files hold.
        config: Says whether it is cropped.
        labels: Structures of its mask.
        samples: Foreground intensities to draw, with replacement: small structures count as much.

    Raises:
        DataError: If voxels have no value; the message is the reason only.
    """
    image, mask = volumes.image, volumes.mask
    check_volume(image)
    assert mask is not None
    own = config.preprocessing.replace(spacing_mm=None, normalisation=ZScore())
    geometry, _ = PreprocessVolume(own).plan(image)
    inside = geometry.to_canonical(mask)[geometry.crop]
    values = geometry.to_canonical(image.array)[geometry.crop]
    there = ((inside > 0) & (inside != UNKNOWN)).any(axis=0)
    count = max(samples // len(values), 1) if there.any() else 0
    drawn = np.random.default_rng(0).choice(np.flatnonzero(there), count, replace=True)
    places = np.unravel_index(drawn, there.shape)
    foreground = np.stack([channel[places] for channel in values])
    return CaseStatistics(
        shape=tuple(geometry.shape[axis] for axis in geometry.permutation),
        cropped=geometry.cropped,
        spacing=geometry.spacing,
        has_spacing=image.has_spacing,
        channels=len(image.array),
        lowest=float(image.array.min()),
        highest=float(image.array.max()),
        foreground=foreground.astype(np.float32).ravel(),
        voxels=tuple(_sizes(mask, labels)),
    )


def _sizes(mask: NDArray[np.uint8], labels: LabelSet) -> list[int]:
    """Voxels of each structure."""
    if labels.exclusive:
        return [int((mask[0] == number).sum()) for number in range(1, len(labels.names) + 1)]
    return [int((own == 1).sum()) for own in mask]
