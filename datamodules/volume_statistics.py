"""What cases of volumes or images are like: all that planning goes by."""

from dataclasses import dataclass
from math import prod
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from datamodules.configs.volume_preprocessing import VolumePreprocessing, ZScore
from datamodules.transforms.volume_preprocessing import PreprocessVolume
from datamodules.transforms.volume_reading import check_volume
from datamodules.volume import Volume


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
        foreground: Intensities drawn from the foreground, of all channels; empty: it has none.
    """

    shape: tuple[int, ...]
    cropped: tuple[int, ...]
    spacing: tuple[float, ...]
    has_spacing: bool
    channels: int
    lowest: float
    highest: float
    foreground: NDArray[np.float32]

    @property
    def share_left(self) -> float:
        """Share of the voxels that cropping leaves."""
        return prod(self.cropped) / prod(self.shape)


@dataclass(frozen=True, eq=False)
class VolumeStatistics:
    """What the training cases are like.

    Attributes:
        dataset: Its name.
        cases: One for each training case.
    """

    region: ClassVar[str] = "foreground"
    """What intensities are drawn from."""
    dataset: str
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
        """Intensities of the foreground, each case that has any as often."""
        return np.concatenate([case.foreground for case in self.cases])


def measure(
    image: Volume, inside: NDArray[Any], preprocessing: VolumePreprocessing, samples: int
) -> CaseStatistics:
    """Measure one case.

    Args:
        image: What its files hold.
        inside: Where its foreground is, ``(*spatial)``.
        preprocessing: Says whether it is cropped.
        samples: Foreground intensities to draw, with replacement: small structures count as much.

    Raises:
        DataError: If voxels have no value; the message is the reason only.
    """
    check_volume(image)
    own = preprocessing.replace(spacing_mm=None, normalisation=ZScore())
    geometry, _ = PreprocessVolume(own).plan(image)
    there = geometry.to_canonical(inside[None])[geometry.crop][0]
    values = geometry.to_canonical(image.array)[geometry.crop]
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
    )
