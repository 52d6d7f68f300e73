"""Per-case rows of a segmenter: what one case adds to every figure."""

import math
from collections.abc import Collection, Mapping, Sequence
from typing import NotRequired, TypedDict

from datamodules.batches import UNKNOWN
from lightning_modules.metrics.centrelines import count_centrelines
from lightning_modules.metrics.mask_crops import BoolMask, Mask, channel, inside, structure_boxes
from lightning_modules.metrics.overlap import count_overlap
from lightning_modules.metrics.surface_distances import surface_distances


class StructureScores(TypedDict):
    """One structure in one case; plain values.

    Keys:
        tp, fp, fn, tn: Known voxels.
        hd95, assd: In mm, or in pixels where the files have no spacing; None where either mask is
            empty. Absent where surfaces were not looked at.
        surface_dice: 0 where one mask is empty, None where both are. Absent likewise.
        centrelines: Voxels of the predicted centreline inside the truth, all of them, of the true
            centreline inside the prediction, all of them. Absent where not asked for.
    """

    tp: int
    fp: int
    fn: int
    tn: int
    hd95: NotRequired[float | None]
    assd: NotRequired[float | None]
    surface_dice: NotRequired[float | None]
    centrelines: NotRequired[list[int]]


class MaskScores(TypedDict):
    """What two masks of one case give; plain values.

    Keys:
        structures: Scores by structure.
        spacing: Of the grid that was scored, in mm (1 where the files have none).
        diagonal: Of the image, in mm or pixels: what a distance counts for that there is not.
    """

    structures: dict[str, StructureScores]
    spacing: list[float]
    diagonal: float


class SegmentationRow(MaskScores):
    """The scores of a case, and whose they are.

    Keys:
        case_id, patient_id: Whose row it is.
        loss: The case's loss, where it was computed.
    """

    case_id: str
    patient_id: str
    loss: NotRequired[float]


def score_masks(
    prediction: Mask,
    truth: Mask,
    structures: Sequence[str],
    spacing: Sequence[float],
    tolerances: Mapping[str, float] | None = None,
    centrelines: Collection[str] = (),
) -> MaskScores:
    """Compare two masks on the same grid; where the truth is not known, nothing is compared.

    Args:
        prediction: uint8. Structures that exclude one another: ``(1, *spatial)``, 0 the background,
            k the k-th structure. Overlapping ones: ``(L, *spatial)``, 0 or 1.
        truth: Likewise, of the same shape, and 255 where it is not known.
        structures: Their names, in order.
        spacing: Size of a voxel along each axis in mm; 1 where the files have none.
        tolerances: Tolerance of the surface Dice of each structure in mm (in pixels where there is
            no spacing). None: voxels are counted only, which takes a hundredth of the time.
        centrelines: Structures whose centrelines are compared: vessels.
    """
    counts = count_overlap(prediction, truth, len(structures))
    scores = {
        name: StructureScores(tp=own[0], fp=own[1], fn=own[2], tn=own[3])
        for name, own in zip(structures, counts, strict=True)
    }
    if tolerances is not None or centrelines:
        boxes = structure_boxes(len(structures), prediction, truth)
        for index, (name, box) in enumerate(zip(structures, boxes, strict=True)):
            box = box or (slice(0, 0),) * (truth.ndim - 1)
            called, true = inside(prediction, index, box), inside(truth, index, box)
            called &= channel(truth, index)[box] != UNKNOWN
            if tolerances is not None:
                _add_surfaces(scores[name], called, true, spacing, tolerances[name])
            if name in centrelines:
                scores[name]["centrelines"] = list(count_centrelines(called, true))
    lengths = (size * step for size, step in zip(truth.shape[1:], spacing, strict=True))
    return MaskScores(
        structures=scores, spacing=[float(step) for step in spacing], diagonal=math.hypot(*lengths)
    )


def _add_surfaces(
    scores: StructureScores,
    prediction: BoolMask,
    truth: BoolMask,
    spacing: Sequence[float],
    tolerance: float,
) -> None:
    distances = surface_distances(prediction, truth, spacing)
    if distances is not None:
        scores["hd95"], scores["assd"] = distances.hd95, distances.assd
        scores["surface_dice"] = distances.surface_dice(tolerance)
        return
    scores["hd95"] = scores["assd"] = None
    scores["surface_dice"] = 0.0 if prediction.any() or truth.any() else None
