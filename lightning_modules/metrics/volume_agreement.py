"""Agreement of predicted with true volumes, after Bland and Altman."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lightning_modules.metrics.mask_rows import SegmentationRow
from lightning_modules.metrics.mask_units import MaskUnits

WIDTH = 1.96
"""Standard deviations on either side that hold 95 % of a normal distribution."""


@dataclass(frozen=True)
class VolumeAgreement:
    """How far predicted sizes of one structure lie from the true ones, in the units of sizes.

    Attributes:
        true: Size in the truth of each case, in the order of case ids.
        predicted: Size in the prediction.
        bias: Mean of predicted minus true.
        low: Lower limit of agreement, bias - 1.96 SD; None with fewer than two cases.
        high: Upper limit.
        left_out: Cases in which the structure is neither there nor predicted, or not known.
    """

    true: tuple[float, ...]
    predicted: tuple[float, ...]
    bias: float
    low: float | None
    high: float | None
    left_out: int


def volume_agreement(
    rows: Sequence[SegmentationRow], structure: str, units: MaskUnits
) -> VolumeAgreement | None:
    """Limits of agreement of one structure; None where it is in no case.

    Cases count as independent, also those of one patient.

    References:
        Bland and Altman, "Statistical methods for assessing agreement between two methods of
        clinical measurement", Lancet 1986.
    """
    sizes = []
    for row in sorted(rows, key=lambda row: row["case_id"]):
        scores, voxel = row["structures"][structure], units.voxel(row["spacing"])
        pair = voxel * (scores["tp"] + scores["fn"]), voxel * (scores["tp"] + scores["fp"])
        if any(pair):
            sizes.append(pair)
    if not sizes:
        return None
    true, predicted = np.array(sizes).T
    difference = predicted - true
    bias = float(difference.mean())
    reach = WIDTH * float(difference.std(ddof=1)) if len(sizes) > 1 else None
    return VolumeAgreement(
        true=tuple(true.tolist()),
        predicted=tuple(predicted.tolist()),
        bias=bias,
        low=None if reach is None else bias - reach,
        high=None if reach is None else bias + reach,
        left_out=len(rows) - len(sizes),
    )
