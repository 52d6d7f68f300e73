"""From what training cases are like to spacing and normalisation, by nnU-Net's rules."""

import numpy as np
from numpy.typing import NDArray

from datamodules.configs.volume_preprocessing import CtWindow, Normalisation, ZScore
from datamodules.errors import DataError
from datamodules.transforms.volume_geometry import ANISOTROPIC
from datamodules.volume_statistics import VolumeStatistics

THIN_SLICES_PERCENTILE = 10.0
CT_PERCENTILES = (0.5, 99.5)
BELOW_WATER_HU = -500.0
"""Only images in Hounsfield units reach so far down, where they show air."""
CROPPED_BELOW = 0.75
"""Share of the median case that cropping leaves, below which what is 0 is not normalised."""


def target_spacing(
    spacings: NDArray[np.float64], shapes: NDArray[np.int64]
) -> tuple[tuple[float, ...], int | None]:
    """The spacing that all cases are resampled to.

    The median along each axis. Where slices are thick (an axis whose median spacing is more than
    three times that of the others, and which has less than a third of their voxels), the 10th
    percentile along that axis: a median would blur the cases with thin slices.

    Args:
        spacings: Of the training cases, ``(N, 2 or 3)``, mm.
        shapes: Their voxels after cropping, ``(N, 2 or 3)``.

    Returns:
        The spacing, and the axis of thick slices; None: there is none.

    References:
        Isensee et al., "nnU-Net", Nature Methods 2021, supplementary note 2;
        ``determine_fullres_target_spacing`` of nnunetv2.
    """
    spacing, shape = np.median(spacings, axis=0), np.median(shapes, axis=0)
    axis = int(spacing.argmax())
    others = [other for other in range(len(spacing)) if other != axis]
    coarsest = float(spacing[others].max())
    thick = (
        len(spacing) == 3
        and spacing[axis] > ANISOTROPIC * coarsest
        and shape[axis] * ANISOTROPIC < shape[others].min()
    )
    if thick:
        thin = float(np.percentile(spacings[:, axis], THIN_SLICES_PERCENTILE))
        spacing[axis] = thin if thin >= coarsest else coarsest + 1e-5
    return tuple(float(step) for step in spacing), axis if thick else None


def plan_normalisation(found: VolumeStatistics, given: Normalisation) -> Normalisation:
    """What becomes of intensities: a CT window of what was measured, or a z-score of each case.

    Args:
        found: Statistics of the training cases.
        given: What the settings say: a kind other than z-score stays.

    Raises:
        DataError: If a CT window is needed, and the foreground has no contrast at all.

    References:
        Isensee et al., "nnU-Net", Nature Methods 2021, supplementary note 2.
    """
    if isinstance(given, CtWindow) or (isinstance(given, ZScore) and is_ct(found)):
        return measured_window(found)
    if isinstance(given, ZScore):
        return ZScore(over_nonzero=share_left(found) < CROPPED_BELOW)
    return given


def measured_window(found: VolumeStatistics) -> CtWindow:
    """The CT window of the foreground.

    Raises:
        DataError: If there is no foreground, or it has no contrast.
    """
    intensities = found.foreground.astype(np.float64)
    values = np.percentile(intensities, CT_PERCENTILES) if len(intensities) else (0.0, 0.0)
    low, high = (float(value) for value in values)
    if low == high:
        fault = f"within the {found.region} every voxel is {low:g}"
        raise DataError(
            f"{fault if len(intensities) else f'there is no {found.region}'}: no CT window can be"
            " measured; normalise otherwise (--data.preprocessing.normalisation.kind zscore)"
        )
    mean, deviation = float(intensities.mean()), float(intensities.std())
    return CtWindow(low=low, high=high, mean=mean, std=deviation)


def is_ct(found: VolumeStatistics) -> bool:
    """Whether images look like Hounsfield units: one channel, and air in the usual case."""
    return found.cases[0].channels == 1 and usual_lowest(found) <= BELOW_WATER_HU


def usual_lowest(found: VolumeStatistics) -> float:
    """Median over cases of the lowest value."""
    return float(np.median([case.lowest for case in found.cases]))


def share_left(found: VolumeStatistics) -> float:
    """Median over cases of the share of voxels that cropping leaves."""
    return float(np.median([case.share_left for case in found.cases]))
