import json
import time

import numpy as np
import pytest
from fakes.scored_boxes import boxes_at

from lightning_modules.box_decisions import BoxDecisions, FoundBoxes, joint_operating_point
from lightning_modules.configs.detector import DetectorConfig, SuppressionConfig
from lightning_modules.metrics.detection import DetectionMetrics
from lightning_modules.metrics.single_box import SingleBoxMetrics


def drawn(seed, count=200, axes=2, classes=3):
    draw = np.random.default_rng(seed)
    scores = np.sort(draw.uniform(0.01, 1, count))[::-1]
    return FoundBoxes(boxes_at(draw, count, axes, 80.0), scores, draw.integers(0, classes, count))


@pytest.fixture
def decisions():
    return BoxDecisions(DetectorConfig(), DetectionMetrics(("a", "b", "c"), axes=2))


def test_boxes_with_a_short_side_go(decisions):
    found = FoundBoxes(np.array([[0.0, 0, 4, 9], [50, 50, 60, 60]]), np.ones(2), np.zeros(2, int))
    assert decisions.resolve(found, {"smallest": 5.0}).boxes.tolist() == [[50, 50, 60, 60]]


def test_what_may_not_be_shown_can_be_left_out_before_overlaps_are_resolved(decisions):
    limits = {"a": 0.2, "b": 0.5, "c": 0.8}
    scores = {name: {"score": limit} for name, limit in limits.items()}
    point = {"nms_iou": 0.2, "smallest": 12.0, "scores": scores}
    found = drawn(1, count=400)
    early = decisions.resolve_shown(decisions.may_be_shown(found, point), point)
    late = decisions.shown(decisions.resolve(found, point), point)
    assert 0 < len(late.scores) < 400
    assert early.as_lists() == late.as_lists()


def validation(count=3, size=10.0):
    """Cases with one object, found twice with an IoU of 2/3, and a small false alarm."""
    draw = np.random.default_rng(0)
    rows = []
    for case in range(count):
        truth = [[20.0, 20, 20 + size, 20 + size]]
        twice = [20.0, 20, 20 + size, 20 + 1.5 * size]
        small = draw.uniform(60, 70, 2).tolist()
        candidates = [*truth, [*small, small[0] + 2, small[1] + 2], twice]
        found = {"boxes": candidates, "scores": [0.8, 0.9, 0.7], "labels": [0, 0, 0]}
        rows.append(
            {"case_id": f"{case}", "patient_id": f"{case}", **found, "candidates": found}
            | {"truth": truth, "truth_labels": [0], "ignored": [False], "spacing": [1.0, 1.0]}
        )
    return rows


def deciding(*classes, sizes=(0.0,)):
    config = DetectorConfig(suppression=SuppressionConfig(smallest=sizes))
    return BoxDecisions(config, DetectionMetrics(classes, axes=2))


def test_suppression_and_size_are_what_is_best_on_validation():
    point = deciding("cell", sizes=(0.0, 5.0, 20.0)).choose(validation(), {})
    assert (point["nms_iou"], point["smallest"]) == (0.5, 5.0)
    assert point["scores"]["cell"]["score"] == 0.8
    json.dumps(point, allow_nan=False)


def test_what_is_chosen_stays():
    decisions = deciding("cell")
    point = decisions.choose(validation(), {"nms_iou": 0.7, "smallest": 0.0})
    assert not decisions.lacks_suppression(point)
    assert (point["nms_iou"], point["smallest"]) == (0.7, 0.0)
    assert decisions.choose(validation(1), point) == point


def test_single_box_of_each_class_has_the_highest_score():
    decisions = BoxDecisions(DetectorConfig(), SingleBoxMetrics(("heart", "lung")))
    found = FoundBoxes(np.eye(3, 4), np.array([0.2, 0.5, 0.4]), np.array([0, 1, 0]))
    assert decisions.resolve(found, {}).scores.tolist() == [0.5, 0.4]
    assert not decisions.lacks_suppression({})
    assert decisions.choose([], {}) == {}


def test_ensemble_takes_the_median_of_what_was_chosen():
    points = [
        {"nms_iou": iou, "smallest": 0.0, "scores": {"cell": {"score": score, "kind": "best-f1"}}}
        for iou, score in ((0.3, 0.2), (0.5, 0.6), (0.6, 0.3))
    ]
    joint = joint_operating_point(points)
    assert (joint["nms_iou"], joint["scores"]["cell"]["score"]) == (0.5, 0.3)


def test_boxes_at_the_operating_point_are_shown(decisions):
    point = {"scores": {name: {"score": 0.5} for name in "abc"}}
    found = FoundBoxes(np.eye(2, 4), np.array([0.5, 0.4], np.float32), np.array([2, 0]))
    assert decisions.shown(found, point).scores.tolist() == [0.5]
    assert len(decisions.shown(found, {}).scores) == 2


def test_boxes_at_the_score_of_their_class_are_called(decisions):
    point = {
        "scores": {name: {"score": limit} for name, limit in zip("abc", (0.5, 0.9, 0), strict=True)}
    }
    row = {"labels": [0, 1, 2, 0], "scores": [0.5, 0.8, 0.1, 0.4]}
    assert decisions.called(row, point) == [True, False, True, False]


def test_views_are_suppressed_and_then_fused(decisions):
    box = np.array([[0.0, 0, 10, 10], [0, 0, 10, 10]])
    view = FoundBoxes(box, np.array([0.8, 0.4]), np.zeros(2, int))
    assert decisions.join([view, view]).scores.tolist() == pytest.approx([0.8])
    assert decisions.join([view]) is view


def test_choice_takes_seconds_with_three_hundred_candidates_an_image(decisions):
    rows = []
    for case in range(87):
        candidates = drawn(case, 300)
        truth = candidates.boxes[::20]
        plain = candidates.as_lists()
        rows.append(
            {"case_id": f"{case}", "patient_id": f"{case}", **plain, "candidates": plain}
            | {"truth": truth.tolist(), "truth_labels": candidates.labels[::20].tolist()}
            | {"ignored": [False] * len(truth), "spacing": [1.0, 1.0]}
        )
    start = time.process_time()
    decisions.choose(rows, {})
    assert time.process_time() - start < 20
