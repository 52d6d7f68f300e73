"""The score from which a box of each class is called, chosen on validation rows."""

from collections.abc import Sequence
from typing import TypedDict

import numpy as np

from lightning_modules.configs.detector_operating_points import (
    DetectorOperatingPoint,
    FalsePositivesConfig,
    FixedScoreConfig,
    TargetBoxSensitivityConfig,
)
from lightning_modules.metrics.box_overlap import Array
from lightning_modules.metrics.detection import DetectionMetrics
from lightning_modules.metrics.detection_rows import DetectionRow
from lightning_modules.metrics.ranked_boxes import RankedBoxes

USUAL_SCORE = 0.5


class ChosenScore(TypedDict, total=False):
    """A chosen score; plain values, fit for a checkpoint.

    Keys:
        score: A box is called at this score and above.
        kind: How it was chosen.
        sensitivity: On the validation cases; None where there is no object.
        false_positives_per_image: Likewise.
        reason: Why 0.5 was taken, or what could not be reached.
    """

    score: float
    kind: str
    sensitivity: float | None
    false_positives_per_image: float
    reason: str


def choose_scores(
    config: DetectorOperatingPoint, rows: Sequence[DetectionRow], metrics: DetectionMetrics
) -> dict[str, ChosenScore]:
    """Choose the score of each class among those that occur.

    Args:
        config: How to choose.
        rows: Validation rows.
        metrics: Of the classes, with the hit rule that counts.

    Returns:
        By class. Where validation cannot tell, the score is 0.5 and ``reason`` says why.
    """
    ranked = {name: hits for name, (_, hits) in metrics.ranked(rows).items()} if rows else {}
    return {name: _choose(config, ranked.get(name), len(rows)) for name in metrics.classes}


def _choose(config: DetectorOperatingPoint, boxes: RankedBoxes | None, images: int) -> ChosenScore:
    if boxes is None:
        return ChosenScore(score=USUAL_SCORE, kind=config.kind, reason="no validation case")
    if isinstance(config, FixedScoreConfig):
        return _described(config.score, config.kind, boxes, images)
    scores, hits, false = _steps(boxes)
    objects = boxes.objects.sum()
    if isinstance(config, FalsePositivesConfig):
        return _within(config, boxes, images)
    if not objects or not hits[-1:].sum():
        why = "no object is found" if objects else "no object"
        chosen = _described(USUAL_SCORE, config.kind, boxes, images)
        return {**chosen, "reason": f"{why} in validation; {USUAL_SCORE} is taken"}
    if isinstance(config, TargetBoxSensitivityConfig):
        reached = np.flatnonzero(hits / objects >= config.sensitivity)
        at = int(reached[0]) if len(reached) else int(np.argmax(hits == hits[-1]))
        chosen = _described(float(scores[at]), config.kind, boxes, images)
        if len(reached):
            return chosen
        return {**chosen, "reason": f"validation reaches {hits[-1] / objects:.3f} at most"}
    balance = 2 * hits / (hits + false + objects)
    return _described(float(scores[np.argmax(balance)]), config.kind, boxes, images)


def _within(config: FalsePositivesConfig, boxes: RankedBoxes, images: int) -> ChosenScore:
    scores, _, false = _steps(boxes)
    allowed = np.flatnonzero(false <= config.per_image * images)
    if not len(scores):
        chosen = _described(USUAL_SCORE, config.kind, boxes, images)
        return {**chosen, "reason": f"no box in validation; {USUAL_SCORE} is taken"}
    if len(allowed):
        return _described(float(scores[allowed[-1]]), config.kind, boxes, images)
    chosen = _described(float(np.nextafter(scores[0], 2)), config.kind, boxes, images)
    return {**chosen, "reason": "every score that occurs has more false positives in validation"}


def _steps(boxes: RankedBoxes) -> tuple[Array, Array, Array]:
    """Distinct scores from the highest, and hits and false positives at each and above."""
    last = np.flatnonzero(np.diff(boxes.scores, append=np.nan) != 0)
    hits, false = np.cumsum(boxes.found), np.cumsum(~boxes.found)
    return boxes.scores[last], hits[last].astype(np.float64), false[last].astype(np.float64)


def _described(score: float, kind: str, boxes: RankedBoxes, images: int) -> ChosenScore:
    called = boxes.scores >= score
    objects = float(boxes.objects.sum())
    return ChosenScore(
        score=score,
        kind=kind,
        sensitivity=float((called & boxes.found).sum()) / objects if objects else None,
        false_positives_per_image=float((called & ~boxes.found).sum()) / max(1, images),
    )
