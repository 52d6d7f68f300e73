import numpy as np
import pytest
from fakes.scored_boxes import boxes_at

from lightning_modules.metrics import detection_matches
from lightning_modules.metrics.detection_matches import (
    ClassCase,
    Near,
    match_by_distance,
    match_by_iou,
)

OBJECT = [0, 0, 10, 10]
REGION = [100, 100, 200, 200]


def case(boxes, truth=(OBJECT, REGION), crowd=(False, True), spacing=(1.0, 1.0)):
    return ClassCase.build(boxes, truth, crowd, spacing)


def overlap_matches(case, threshold=0.5):
    return match_by_iou(Near.of([case]), len(case.boxes), case.crowd, threshold)


def test_second_box_on_an_object_is_a_false_positive_by_iou():
    matches = overlap_matches(case([OBJECT, [0, 0, 10, 9]]))
    assert matches.found.tolist() == [0, -1]
    assert matches.ignored.tolist() == [False, False]


@pytest.mark.parametrize("rule", ["centre", "radius"])
def test_second_box_on_an_object_counts_as_nothing_by_its_middle(rule):
    matches = match_by_distance(case([OBJECT, [0, 0, 10, 9]]), rule)
    assert matches.found.tolist() == [0, -1]
    assert matches.ignored.tolist() == [False, True]


@pytest.mark.parametrize("match", [overlap_matches, lambda c: match_by_distance(c, "centre")])
def test_any_number_of_boxes_in_an_ignored_region_counts_as_nothing(match):
    inside = [110, 110, 120, 120]
    assert match(case([inside, inside, inside])).ignored.all()


def test_hit_by_radius_is_nearer_than_half_of_the_mean_side_in_mm():
    nodule = [0, 0, 0, 10, 10, 10]  # 10, 10 and 25 mm: the radius is 7.5 mm
    near, far = [0, 0, 2.9, 10, 10, 12.9], [0, 0, 3.0, 10, 10, 13.0]  # 7.25 and 7.5 mm away
    found = [
        match_by_distance(case([box], [nodule], [False], (1.0, 1.0, 2.5)), "radius").found[0]
        for box in (near, far)
    ]
    assert found == [0, -1]


def test_middle_inside_is_a_hit_by_centre_whatever_the_size():
    small, beside = [8, 8, 9, 9], [6, 9, 10, 13]
    matches = match_by_distance(case([small, beside]), "centre")
    assert matches.found.tolist() == [0, -1]
    assert not matches.ignored.any()


def test_each_box_finds_the_nearest_free_object():
    objects = [[0, 0, 10, 10], [2, 0, 12, 10]]
    both = case([[0, 0, 10, 10], [0, 0, 10, 10]], objects, [False, False])
    assert match_by_distance(both, "centre").found.tolist() == [0, 1]


def test_object_of_another_size_is_ignored_and_its_box_too():
    one = case([OBJECT], [OBJECT], [False])
    outside = np.array([False]), np.array([True])
    matches = match_by_iou(Near.of([one]), 1, one.crowd, 0.5, outside)
    assert matches.ignored.tolist() == [True]


def test_cases_do_not_disturb_each_other_however_many_are_looked_at_at_once(monkeypatch):
    draw = np.random.default_rng(0)
    cases = []
    for count in (2, 0, 3, 1):
        truth = boxes_at(draw, 3, 2, 50.0)
        cases.append(case(np.repeat(truth, count, axis=0) + 1, truth, (False, False, True)))
    together = Near.of(cases)
    monkeypatch.setattr(detection_matches, "PAIRS", 7)
    for some, every in zip(Near.of(cases), together, strict=True):
        assert np.array_equal(some, every)
    crowd = np.concatenate([each.crowd for each in cases])
    found = match_by_iou(together, 18, crowd, 0.2)
    alone = [overlap_matches(each, 0.2) for each in cases]
    assert np.array_equal(found.ignored, np.concatenate([each.ignored for each in alone]))
    shifted = [np.where(own.found < 0, -1, own.found + 3 * at) for at, own in enumerate(alone)]
    assert np.array_equal(found.found, np.concatenate(shifted))
    assert (found.found >= 0).any()
