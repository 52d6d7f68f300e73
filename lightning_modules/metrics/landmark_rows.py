"""Per-case rows of a landmarker: what was found and what is there, in voxels of the file."""

from typing import NotRequired, TypedDict

Place = list[float] | None
"""Along the axes of the file, in continuous coordinates (voxel i covers ``[i, i + 1)``); None: not
marked."""


class LandmarkRow(TypedDict):
    """What one case adds to every figure; plain values.

    Keys:
        case_id, patient_id: Whose row it is.
        found: Place of each landmark, K of them.
        confidence: Of each, in 0..1.
        truth: Place of each, as it was marked.
        readings: Who else marked the case -> place of each.
        usual: Mean place of each in the training cases, at the scale of this file.
        spacing: Of the file along its axes, in mm (1 where there is none).
    """

    case_id: str
    patient_id: str
    found: list[list[float]]
    confidence: list[float]
    truth: list[Place]
    spacing: list[float]
    readings: NotRequired[dict[str, list[Place]]]
    usual: NotRequired[list[Place]]
