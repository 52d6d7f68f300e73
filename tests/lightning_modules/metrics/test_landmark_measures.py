import numpy as np
import pytest
from pydantic import TypeAdapter

from datamodules.errors import ConfigError
from lightning_modules.configs.landmark_measures import Measure, PointGroupConfig
from lightning_modules.metrics.landmark_measures import (
    PointMeasures,
    check_measures,
    select_points,
)

POINTS = ("heart_1", "heart_2", "chest_1", "chest_2", "apex")
PLACES = [[5.0, 4.0], [5.0, 10.0], [9.0, 0.0], [9.0, 12.0], [1.0, 4.0]]
"""Row and column of each in the file."""


def measures(*settings):
    return TypeAdapter(list[Measure]).validate_python(settings)


DISTANCE = {"kind": "distance", "name": "side", "between": ("apex", "heart_2")}
HEART = {"kind": "extent", "name": "heart", "points": ("heart_*",)}
CHEST = {"kind": "extent", "name": "chest", "points": ("chest_1", "chest_2")}
RATIO = {"kind": "ratio", "name": "ctr", "numerator": "heart", "denominator": "chest"}
ANGLE = {"kind": "angle", "name": "corner", "points": ("apex", "heart_1", "heart_2")}


def measured(*settings, places=PLACES, spacing=(1.0, 1.0)):
    own = PointMeasures(measures(*settings), POINTS, len(spacing))
    return own.measure(places, spacing)


def test_distance_is_in_mm_along_each_axis():
    assert measured(DISTANCE)["side"] == pytest.approx(np.hypot(4, 6))
    assert measured(DISTANCE, spacing=(2.0, 0.5))["side"] == pytest.approx(np.hypot(8, 3))


def test_cardiothoracic_ratio_is_that_of_the_extents_along_the_rows():
    found = measured(HEART, CHEST, RATIO, spacing=(1.0, 0.5))
    assert found == {"heart": 3.0, "chest": 6.0, "ctr": 0.5}


def test_extent_down_the_columns():
    assert measured({**HEART, "points": ("*",), "axis": "y"})["heart"] == 8


def test_extent_of_a_volume_is_along_its_own_axes():
    places = [[*place, depth] for depth, place in enumerate(PLACES)]
    along = {
        axis: measured({**HEART, "axis": axis}, places=places, spacing=(1, 1, 3))["heart"]
        for axis in "xyz"
    }
    assert along == {"x": 0, "y": 6, "z": 3}


def test_angle_at_a_vertex_and_between_two_lines():
    assert measured(ANGLE)["corner"] == pytest.approx(90)
    lines = {**ANGLE, "points": ("heart_1", "heart_2", "apex", "heart_2")}
    assert measured(lines)["corner"] == pytest.approx(np.degrees(np.arctan2(4, 6)))


def test_angle_is_that_of_the_body_and_not_of_the_pixels():
    found = measured({**ANGLE, "points": ("heart_2", "apex", "heart_1")}, spacing=(3.0, 1.0))
    assert found["corner"] == pytest.approx(np.degrees(np.arctan2(6, 12)))


def test_unmarked_point_makes_undefined_whatever_needs_it():
    found = measured(HEART, CHEST, RATIO, DISTANCE, places=[None, *PLACES[1:]])
    assert found == {"heart": None, "chest": 12, "ctr": None, "side": pytest.approx(np.hypot(4, 6))}


def test_angle_without_a_side_and_ratio_of_nothing_are_undefined():
    there = [PLACES[0]] * 5
    assert measured(HEART, CHEST, RATIO, ANGLE, places=there) == {
        "heart": 0,
        "chest": 0,
        "ctr": None,
        "corner": None,
    }


def test_units_are_those_of_lengths_angles_and_ratios():
    own = PointMeasures(measures(HEART, CHEST, RATIO, ANGLE), POINTS)
    assert own.units() == {"heart": "mm", "chest": "mm", "ctr": "", "corner": "degrees"}
    assert own.units(has_spacing=False)["heart"] == "pixels"


def test_patterns_select_in_the_order_of_the_landmarks():
    assert select_points(("apex", "heart_*"), POINTS) == [0, 1, 4]
    assert select_points(("*",), POINTS, without=("heart_*", "apex")) == [2, 3]


def test_name_with_brackets_is_itself_and_no_pattern():
    assert select_points(("tip[1]",), ("tip[1]", "tip1")) == [0, 1]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ([{**DISTANCE, "between": ("apx", "heart_1")}], "no landmark 'apx'; did you mean apex?"),
        ([{**DISTANCE, "between": ("zzz", "heart_1")}], "'zzz'; there are heart_1, heart_2"),
        ([{**DISTANCE, "between": ("heart_*", "apex")}], "there is no landmark 'heart_*'"),
        ([{**DISTANCE, "between": ("apex", "apex")}], "two different landmarks"),
        ([{**HEART, "points": ("hart_*",)}], "no landmark that matches 'hart_*'; did you mean"),
        ([{**HEART, "points": ("apex",)}], "an extent needs two landmarks"),
        ([{**HEART, "axis": "z"}], "images have no axis z"),
        ([{**ANGLE, "points": ("apex", "apex", "heart_1")}], "two different lines"),
        ([HEART, {**RATIO, "denominator": "chst"}], "no measure 'chst'"),
        (
            [HEART, CHEST, RATIO, {**RATIO, "name": "b", "numerator": "ctr"}],
            "is made of measures itself",
        ),
        ([HEART, ANGLE, {**RATIO, "denominator": "corner"}], "a length and an angle"),
        ([HEART, HEART], "two measures are called 'heart'"),
    ],
)
def test_setting_that_cannot_be_is_named(settings, message):
    with pytest.raises(ConfigError) as error:
        check_measures(measures(*settings), (), POINTS)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ([PointGroupConfig(name="apex")], "called as a landmark is"),
        ([PointGroupConfig(name="a"), PointGroupConfig(name="a")], "two groups of landmarks"),
        ([PointGroupConfig(name="a", points=("lung_*",))], "group 'a': there is no landmark"),
        ([PointGroupConfig(name="a", without=("haert_1",))], "did you mean heart_1?"),
        ([PointGroupConfig(name="a", without=("*",))], "'without' leaves no landmark"),
    ],
)
def test_group_that_cannot_be_is_named(groups, message):
    with pytest.raises(ConfigError) as error:
        check_measures((), groups, POINTS)
    assert message in str(error.value)


def test_what_is_sound_passes():
    groups = [PointGroupConfig(name="outline", points=("*",), without=("apex",))]
    check_measures(measures(DISTANCE, HEART, CHEST, RATIO, ANGLE), groups, POINTS)
