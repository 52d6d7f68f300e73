"""What a detector did worst: objects that it misses, and false positives with high scores."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from lightning_modules.metrics.box_overlap import Array, Flags
from lightning_modules.metrics.detection import DetectionMetrics
from lightning_modules.metrics.detection_rows import DetectionRow
from lightning_modules.metrics.detection_table import ClassTable, build_tables
from lightning_modules.metrics.single_box import SingleBoxMetrics

MOST = 4
"""Of each kind."""


class BoxMistake(NamedTuple):
    """One of the worst.

    Attributes:
        case_id: The case.
        box: That is missed, or falsely called; low and then high corner in voxels of the file.
        text: What is said of it.
        badness: The higher the worse, among those of its kind.
    """

    case_id: str
    box: Array
    text: str
    badness: tuple[float, float]


def worst_boxes(
    rows: Sequence[DetectionRow],
    metrics: DetectionMetrics | SingleBoxMetrics,
    scores: Mapping[str, float],
) -> list[BoxMistake]:
    """The worst misses and the worst false positives; of single boxes those that fit worst.

    A miss is the worse the lower the score of the box that would find it, and then the larger the
    object; a false positive the higher its score.

    Args:
        rows: One row a case.
        metrics: Of the classes.
        scores: From which a box is called, by class; empty: 0.5.
    """
    ordered = sorted(row["case_id"] for row in rows)
    if isinstance(metrics, SingleBoxMetrics):
        return _worst_fits(rows, metrics)
    usual = dict.fromkeys(metrics.classes, 0.5)
    misses, alarms = [], []
    for table in build_tables(rows, metrics.classes, {**usual, **scores}):
        matches = table.matches(metrics.hit_rule, metrics.hit_iou)
        for at, (case_id, match) in enumerate(zip(ordered, matches, strict=True)):
            called = _called(table, at)
            false = np.flatnonzero(called & (match.found < 0) & ~match.ignored)
            alarms += [_alarm(table, at, case_id, int(box)) for box in false]
            best = np.zeros(len(table.cases[at].truth))
            hits = np.flatnonzero(match.found >= 0)
            best[match.found[hits]] = table.scores[at][hits]
            found = np.zeros(len(best), bool)
            found[match.found[hits[called[hits]]]] = True
            missed = np.flatnonzero(~found & ~table.cases[at].crowd)
            misses += [_miss(table, at, case_id, int(box), best[box]) for box in missed]
    return [*_worst(misses), *_worst(alarms)]


def _called(table: ClassTable, at: int) -> Flags:
    assert table.called is not None
    return table.called[at]


def _alarm(table: ClassTable, at: int, case_id: str, box: int) -> BoxMistake:
    score = float(table.scores[at][box])
    text = f"false {table.name}, score {score:.2f}"
    return BoxMistake(case_id, table.cases[at].boxes[box], text, (score, 0.0))


def _miss(table: ClassTable, at: int, case_id: str, box: int, score: float) -> BoxMistake:
    how = f"score {score:.2f}" if score else "no box"
    size = float(table.sizes[1][table.object_starts[at] + box])
    text = f"missed {table.name}, {how}"
    return BoxMistake(case_id, table.cases[at].truth[box], text, (-score, size))


def _worst(found: Sequence[BoxMistake]) -> list[BoxMistake]:
    return sorted(found, key=lambda each: each.badness, reverse=True)[:MOST]


def _worst_fits(rows: Sequence[DetectionRow], metrics: SingleBoxMetrics) -> list[BoxMistake]:
    found = []
    for row in rows:
        columns = metrics.table_row(row, {})
        for table in build_tables([row], metrics.classes):
            objects = table.cases[0].truth[~table.cases[0].crowd]
            suffix = f"/{table.name}" if len(metrics.classes) > 1 else ""
            if len(objects):
                overlap = float(columns[f"iou{suffix}"])
                text = f"{table.name}, IoU {overlap:.2f}"
                found.append(BoxMistake(row["case_id"], objects[0], text, (-overlap, 0.0)))
    return _worst(found)
