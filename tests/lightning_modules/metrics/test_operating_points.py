import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_curve

from datamodules.data_info import LabelSet
from lightning_modules.configs.operating_points import (
    FixedThresholdConfig,
    TargetSensitivityConfig,
    YoudenConfig,
)
from lightning_modules.metrics.operating_points import choose_thresholds

GENERATED = settings(max_examples=300, deadline=None, database=None)
NODULE = LabelSet(("Nodule",), exclusive=False)
CASES = st.lists(st.tuples(st.integers(0, 12), st.booleans()), min_size=2, max_size=40).filter(
    lambda cases: len({target for _, target in cases}) == 2
)


def rows_of(scores, targets):
    return [
        {"case_id": f"c{i}", "patient_id": f"c{i}", "scores": [score], "targets": [target]}
        for i, (score, target) in enumerate(zip(scores, targets, strict=True))
    ]


def choose(config, scores, targets):
    return choose_thresholds(config, rows_of(scores, targets), NODULE)["Nodule"]


def rates(threshold, scores, targets):
    called = np.array(scores) >= threshold
    return called[np.array(targets) == 1].mean(), 1 - called[np.array(targets) == 0].mean()


@GENERATED
@given(CASES)
def test_youden_is_the_highest_of_the_best_thresholds_of_scikit_learn(cases):
    scores, targets = [step / 12 for step, _ in cases], [float(target) for _, target in cases]
    false, found, thresholds = roc_curve(targets, scores, drop_intermediate=False)
    index = np.round(found - false, 9)[1:]  # without the point at infinity, where nothing is called
    chosen = choose(YoudenConfig(), scores, targets)
    assert chosen["threshold"] == thresholds[1:][index == index.max()].max()


@GENERATED
@given(CASES, st.integers(1, 20))
def test_target_sensitivity_takes_the_highest_threshold_that_reaches_it(cases, twentieths):
    scores, targets = [step / 12 for step, _ in cases], [float(target) for _, target in cases]
    target = twentieths / 20
    chosen = choose(TargetSensitivityConfig(sensitivity=target), scores, targets)
    reaching = [score for score in scores if rates(score, scores, targets)[0] >= target]
    assert chosen["threshold"] == max(reaching)


@pytest.mark.parametrize(
    "config", [YoudenConfig(), TargetSensitivityConfig(), FixedThresholdConfig(threshold=0.6)]
)
@GENERATED
@given(CASES)
def test_stated_rates_are_those_at_the_threshold(config, cases):
    scores, targets = [step / 12 for step, _ in cases], [float(target) for _, target in cases]
    chosen = choose(config, scores, targets)
    expected = rates(chosen["threshold"], scores, targets)
    assert (chosen["sensitivity"], chosen["specificity"]) == pytest.approx(expected)


def test_youden_worked_by_hand():
    chosen = choose(YoudenConfig(), [0.1, 0.4, 0.35, 0.8], [0.0, 0.0, 1.0, 1.0])
    assert chosen == {"threshold": 0.8, "kind": "youden", "sensitivity": 0.5, "specificity": 1.0}


def test_score_at_the_threshold_counts_as_called():
    chosen = choose(FixedThresholdConfig(threshold=0.5), [0.5, 0.4], [1.0, 0.0])
    assert (chosen["sensitivity"], chosen["specificity"]) == (1.0, 1.0)


@pytest.mark.parametrize("cases", [10, 20, 40, 100])
def test_target_sensitivity_is_met_exactly_where_it_can_be(cases):
    scores = [rank / cases for rank in range(cases)]
    for target in np.arange(1, cases + 1) / cases:
        chosen = choose(TargetSensitivityConfig(sensitivity=float(target)), scores, [1.0] * cases)
        assert chosen["sensitivity"] == target


def test_unknown_targets_do_not_take_part():
    chosen = choose(YoudenConfig(), [0.2, 0.6, 0.9, 0.9], [0.0, 1.0, None, None])
    assert (chosen["threshold"], chosen["specificity"]) == (0.6, 1.0)


@pytest.mark.parametrize(
    ("config", "targets", "reason"),
    [
        (YoudenConfig(), [0.0, 0.0], "no positive case in validation; 0.5 is taken"),
        (YoudenConfig(), [1.0, 1.0], "no negative case in validation; 0.5 is taken"),
        (TargetSensitivityConfig(), [0.0, None], "no positive case in validation; 0.5 is taken"),
    ],
)
def test_validation_that_cannot_tell_falls_back_and_says_why(config, targets, reason):
    chosen = choose(config, [0.1, 0.2], targets)
    assert (chosen["threshold"], chosen["reason"]) == (0.5, reason)


def test_empty_validation_falls_back():
    assert choose(YoudenConfig(), [], [])["threshold"] == 0.5


def test_fixed_threshold_needs_no_positive_case():
    chosen = choose(FixedThresholdConfig(threshold=0.3), [0.1, 0.2], [0.0, 0.0])
    assert chosen == {"threshold": 0.3, "kind": "fixed", "sensitivity": None, "specificity": 1.0}


def test_classes_have_no_operating_point():
    rows = [{"case_id": "c", "patient_id": "p", "scores": [0.5, 0.3, 0.2], "targets": [1.0, 0, 0]}]
    labels = LabelSet(("a", "b", "c"), exclusive=True)
    assert choose_thresholds(YoudenConfig(), rows, labels) == {}


def test_every_label_has_its_own_threshold_in_plain_values():
    rows = [
        {
            "case_id": f"c{i}",
            "patient_id": "p",
            "scores": [i / 10, i / 20],
            "targets": [i > 4, i > 7],
        }
        for i in range(10)
    ]
    chosen = choose_thresholds(YoudenConfig(), rows, LabelSet(("a", "b"), exclusive=False))
    assert {label: point["threshold"] for label, point in chosen.items()} == {"a": 0.5, "b": 0.4}
    assert json.loads(json.dumps(chosen)) == chosen
    assert all(type(point["threshold"]) is float for point in chosen.values())
