"""Which figures stand in one table of the report, as they are about one thing."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from experiments.reporting.metric_words import AT_OPERATING_POINT, Subject
from experiments.reporting.words import FigureDict

Facts = Mapping[str, Any]
Figures = Mapping[str, FigureDict]

OVERLAP = (
    *("dice", "dice_pooled", "iou", "sensitivity", "specificity", "precision"),
    *("cldice", "cldice_pooled"),
)
SURFACES = ("surface", "hd95", "assd")
COUNTS = ("failures",)
FROC = ("froc", "sensitivity@")
DECISIONS = ("sensitivity", "specificity", "ppv", "npv", "f1", "balanced_accuracy", "accuracy")


def figure_kinds(figures: Figures, facts: Facts) -> Iterator[tuple[str, list[str]]]:
    """Names of figures (without those of single labels) by what they are about."""
    names = [name for name in figures if "/" not in name]
    if subject_of(facts) == "masks":
        yield from _kinds_of_masks(names)
        return
    if subject_of(facts) == "boxes":
        yield from _kinds_of_boxes(names)
        return
    at_point = [f"{name}{AT_OPERATING_POINT}" for name in DECISIONS]
    plain = "Decisions for the likeliest class" if is_exclusive(facts) else "Decisions at 0.5"
    others = [name for name in names if name not in DECISIONS and name not in at_point]
    kinds = {
        "Ranking and calibration" if facts["labels"] else "Results": others,
        "Decisions at the operating point": [name for name in at_point if name in names],
        plain: [name for name in DECISIONS if name in names],
    }
    yield from ((heading, found) for heading, found in kinds.items() if found)


def _kinds_of_masks(names: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    overlap = [name for name in names if name in OVERLAP]
    surfaces = [name for name in names if name.startswith(SURFACES)]
    counts = [name for name in names if name in COUNTS]
    others = [name for name in names if name not in (*overlap, *surfaces, *counts)]
    kinds = {"Overlap": overlap, "Surfaces": surfaces, "Sizes": others, "Failures": counts}
    yield from ((heading, found) for heading, found in kinds.items() if found)


def _kinds_of_boxes(names: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    precision = [name for name in names if name.startswith("map_")]
    decided = [name for name in names if name.endswith(AT_OPERATING_POINT)]
    found = [name for name in names if name.startswith(FROC) and name not in decided]
    others = [name for name in names if name not in (*precision, *found, *decided)]
    kinds = {
        "Average precision": precision,
        "Sensitivity at so many false positives (FP) an image": found,
        "Boxes at the operating point": decided,
        "Overlap and distance": others,
    }
    yield from ((heading, own) for heading, own in kinds.items() if own)


def subject_of(facts: Facts) -> Subject:
    """What the figures of a run are about."""
    if facts["task"] == "segmenter":
        return "masks"
    if facts["task"] == "detector":
        return "boxes"
    if facts["task"] == "landmarker":
        return "points"
    return "classes" if is_exclusive(facts) else "labels"


def is_exclusive(facts: Facts) -> bool:
    """Whether a case has exactly one of the labels."""
    return bool(facts["labels"] and facts["labels"]["exclusive"])
