"""From candidates to boxes: suppression, smallest size and scores, chosen on validation."""

from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from typing import Any, cast

import numpy as np

from lightning_modules.box_fusion import LEAST_IOU, fuse_boxes
from lightning_modules.box_operating_points import choose_scores
from lightning_modules.configs.detector import DetectorConfig
from lightning_modules.found_boxes import DECIMALS, FoundBoxes, suppress, suppress_many
from lightning_modules.metrics.average_precision import average_precision
from lightning_modules.metrics.detection import DetectionMetrics, scores_of
from lightning_modules.metrics.detection_rows import DetectionRow
from lightning_modules.metrics.detection_table import build_tables
from lightning_modules.metrics.single_box import SingleBoxMetrics

__all__ = ["BoxDecisions", "FoundBoxes", "joint_operating_point"]

Point = Mapping[str, Any]
"""What was chosen, plain values, each absent where it was not.

Keys:
    nms_iou: Of two boxes of a class that overlap more, the one with the lower score goes.
    smallest: Boxes with a side below it go, in voxels of the file.
    scores: Class -> ``ChosenScore``: from which score a box is called.
"""
USUAL_NMS_IOU = 0.5


class BoxDecisions:
    """How a detector decides, and how validation says that it should.

    Args:
        config: Settings of the detector.
        metrics: Of its classes, with the hit rule that counts; of a single box: the box of each
            class with the highest score is taken, and nothing is chosen.
    """

    def __init__(
        self, config: DetectorConfig, metrics: DetectionMetrics | SingleBoxMetrics
    ) -> None:
        self.wanted, self.classes = config.operating_point, metrics.classes
        self.metrics = metrics if isinstance(metrics, DetectionMetrics) else None
        self.nms_ious = sorted(config.suppression.iou, key=lambda each: abs(each - USUAL_NMS_IOU))
        self.sizes = sorted(config.suppression.smallest)

    def join(self, views: Sequence[FoundBoxes]) -> FoundBoxes:
        """Fuse what several views or models found in one case; one view is left as it is.

        Boxes of one view that overlap as those of one object are suppressed before.
        """
        if len(views) == 1:
            return views[0]
        ranked = [view.ranked() for view in views]
        return fuse_boxes([view.take(suppress(view, [LEAST_IOU])[0]) for view in ranked])

    def resolve(self, candidates: FoundBoxes, point: Point) -> FoundBoxes:
        """Leave out boxes that overlap, and small ones.

        Args:
            candidates: Of one case, in voxels of the file, in any order.
            point: The operating point; empty: nothing is chosen yet.

        Returns:
            What is left, from the highest score. Scores of the operating point do not matter here:
            rankings need all boxes.
        """
        if self.metrics is None:
            return _best_of_each_class(candidates)
        found = self._sizeable(candidates, point)
        return found.take(suppress(found, [self._nms_iou(point)])[0])

    def resolve_shown(self, candidates: FoundBoxes, point: Point) -> FoundBoxes:
        """As :meth:`resolve`, of what :meth:`may_be_shown` has left of a case with many objects."""
        ranked = candidates.ranked()
        return ranked.take(suppress_many(ranked, self._nms_iou(point)))

    def may_be_shown(self, candidates: FoundBoxes, point: Point) -> FoundBoxes:
        """Those that are shown if no other suppresses them.

        Only a higher score of the same class suppresses a box: what is left out here changes
        nothing of what :meth:`resolve` leaves of the others.
        """
        return self.shown(self._sizeable(candidates, point), point)

    def _nms_iou(self, point: Point) -> float:
        return float(point.get("nms_iou", self.nms_ious[0]))

    def _sizeable(self, candidates: FoundBoxes, point: Point) -> FoundBoxes:
        """From the highest score, without small ones."""
        found, smallest = candidates.ranked(), point.get("smallest", self.sizes[0])
        low, high = np.split(found.boxes, 2, axis=1)
        return found.take((high - low).min(axis=1) >= smallest) if smallest else found

    def shown(self, found: FoundBoxes, point: Point) -> FoundBoxes:
        """Boxes that reach the operating point; all where none was chosen."""
        limits = scores_of(point)
        if not limits:
            return found
        own = np.array([limits[name] for name in self.classes])[found.labels]
        return found.take(found.scores.astype(np.float64).round(DECIMALS) >= own)

    def called(self, row: DetectionRow, point: Point) -> list[bool]:
        """Which boxes of a row reach the operating point."""
        limits = scores_of(point)
        pairs = zip(row["labels"], row["scores"], strict=True)
        return [score >= limits.get(self.classes[label], 0.0) for label, score in pairs]

    def lacks_suppression(self, point: Point) -> bool:
        """Whether suppression is still to be chosen, so that rows need their candidates."""
        return self.metrics is not None and "nms_iou" not in point

    def choose(self, rows: Sequence[DetectionRow], point: Point) -> dict[str, Any]:
        """Choose suppression first, then scores; what was chosen before stays.

        Args:
            rows: Of validation; with candidates where suppression is to be chosen.
            point: What was chosen before.

        Returns:
            ``nms_iou`` and ``smallest``, by which the mean average precision is highest (at an IoU
            of 0.5, in 3D 0.1), and ``scores``. Empty for a single box.
        """
        if self.metrics is None:
            return {}
        chosen = dict(point)
        if self.lacks_suppression(point):
            chosen |= self._choose_suppression(rows, self.metrics)
            rows = [self._resolved(row, chosen) for row in rows]
        if "scores" not in chosen:
            chosen["scores"] = choose_scores(self.wanted, rows, self.metrics)
        return chosen

    def _choose_suppression(
        self, rows: Sequence[DetectionRow], metrics: DetectionMetrics
    ) -> dict[str, float]:
        sizes = [{"nms_iou": self.nms_ious[0], "smallest": size} for size in self.sizes]
        best = self._best(rows, sizes, metrics)
        return self._best(rows, [{**best, "nms_iou": each} for each in self.nms_ious], metrics)

    def _best(
        self,
        rows: Sequence[DetectionRow],
        tried: Sequence[dict[str, float]],
        metrics: DetectionMetrics,
    ) -> dict[str, float]:
        """The first of those with the highest mean average precision."""
        if len(tried) == 1:
            return tried[0]
        found = [
            _mean_precision([self._resolved(row, point) for row in rows], metrics)
            for point in tried
        ]
        return tried[int(np.argmax(np.round(found, 9)))]

    def _resolved(self, row: DetectionRow, point: Point) -> DetectionRow:
        if "candidates" not in row:
            return row
        candidates = FoundBoxes.from_lists(row["candidates"], len(row["spacing"]))
        found = self.resolve(candidates, point).as_lists()
        return cast("DetectionRow", {**row, **found})


def joint_operating_point(points: Sequence[Point]) -> dict[str, Any]:
    """That of an ensemble: the median of what its models have chosen."""
    first = dict(points[0])
    if len(points) == 1:
        return first
    for name in ("nms_iou", "smallest"):
        if all(name in point for point in points):
            first[name] = median(point[name] for point in points)
    if all("scores" in point for point in points):
        first["scores"] = {
            name: {**own, "score": median(point["scores"][name]["score"] for point in points)}
            for name, own in first["scores"].items()
        }
    return first


def _mean_precision(rows: Sequence[DetectionRow], metrics: DetectionMetrics) -> float:
    weights = np.ones((1, len(rows)))
    values = [
        average_precision(table.by_overlap(metrics.usual_iou), weights)[0]
        for table in build_tables(rows, metrics.classes)
    ]
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else 0.0


def _best_of_each_class(found: FoundBoxes) -> FoundBoxes:
    order = np.argsort(-found.scores, kind="stable")
    return found.take(np.array(list(_firsts(found.labels[order].tolist(), order.tolist())), int))


def _firsts(labels: Sequence[int], places: Sequence[int]) -> Iterator[int]:
    seen: set[int] = set()
    for label, place in zip(labels, places, strict=True):
        if label not in seen:
            seen.add(label)
            yield place
