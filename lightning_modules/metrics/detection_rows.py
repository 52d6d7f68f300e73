"""Per-case rows of a detector: what was found in one case, and what is there."""

from typing import NotRequired, TypedDict

LEAST_SCORE = 0.001
"""A box below this score is no box: rankings use all others."""


class ScoredBoxes(TypedDict):
    """Boxes before non-maximum suppression; plain values.

    Keys:
        boxes: Low corner and then high corner along the file's axes, in its voxels.
        scores: From the highest.
        labels: Positions among the classes.
    """

    boxes: list[list[float]]
    scores: list[float]
    labels: list[int]


class DetectionRow(TypedDict):
    """What was found in a case, and what is there; plain values, in voxels of its file.

    Keys:
        case_id, patient_id: Whose row it is.
        boxes, scores, labels: What was found, after non-maximum suppression, every score above
            :data:`LEAST_SCORE`, from the highest.
        truth, truth_labels: What is there; -1: of all classes, only where it is ignored.
        ignored: Of each true box, whether it is a region in which nothing counts.
        spacing: mm a voxel along the file's axes (1 where there is none).
        candidates: Before non-maximum suppression, where that is to be chosen.
        called: Which boxes reach the operating point, where rows of several models are pooled.
        usual: Of a network of single boxes: the mean box of each class in training, on the file;
            empty where the class had none.
    """

    case_id: str
    patient_id: str
    boxes: list[list[float]]
    scores: list[float]
    labels: list[int]
    truth: list[list[float]]
    truth_labels: list[int]
    ignored: list[bool]
    spacing: list[float]
    candidates: NotRequired[ScoredBoxes]
    called: NotRequired[list[bool]]
    usual: NotRequired[list[list[float]]]
