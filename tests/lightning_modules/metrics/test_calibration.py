import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn import metrics
from sklearn.calibration import calibration_curve
from torchmetrics.functional.classification import (
    binary_calibration_error,
    multiclass_calibration_error,
)

from lightning_modules.metrics.calibration import brier, ece, log_loss, reliability, top_class

GENERATED = settings(max_examples=300, deadline=None, database=None)
SCORE = st.sampled_from([0.05, 0.5, 0.52, 0.98]) | st.floats(0.0011, 0.9989)
CASES = st.lists(
    st.tuples(SCORE, st.sampled_from([0.0, 1.0, np.nan]), st.integers(0, 3)),
    min_size=1,
    max_size=50,
)


def repeat(cases):
    scores, targets, weights = np.array(cases, dtype=float).T
    times = np.where(np.isnan(targets), 0, weights).astype(int)
    assume(times.any())
    return (scores, targets, weights[None]), (np.repeat(scores, times), np.repeat(targets, times))


@GENERATED
@given(CASES)
def test_brier_score_is_that_of_scikit_learn(cases):
    weighted, (scores, targets) = repeat(cases)
    expected = metrics.brier_score_loss(targets, scores, labels=[0, 1], pos_label=1)
    assert brier(*weighted) == pytest.approx([expected], abs=1e-12)


@GENERATED
@given(CASES)
def test_log_loss_is_that_of_scikit_learn(cases):
    weighted, (scores, targets) = repeat(cases)
    expected = metrics.log_loss(targets, scores, labels=[0, 1])
    assert log_loss(*weighted) == pytest.approx([expected], abs=1e-12)


@GENERATED
@given(CASES)
def test_calibration_error_is_that_of_torchmetrics(cases):
    weighted, (scores, targets) = repeat(cases)
    assume(np.all(np.abs(scores * 15 - np.round(scores * 15)) > 1e-5))  # float32 edges of bins
    expected = binary_calibration_error(
        torch.tensor(scores), torch.tensor(targets).long(), n_bins=15
    )
    assert ece(*weighted) == pytest.approx([expected.item()], abs=1e-6)


def test_calibration_error_of_classes_is_that_of_torchmetrics():
    generator = np.random.default_rng(0)
    scores = generator.dirichlet(np.ones(4), 500)
    truth = generator.integers(0, 4, 500)
    confidence, right = top_class(scores, np.eye(4)[truth])
    tensors = torch.tensor(scores), torch.tensor(truth)
    expected = multiclass_calibration_error(*tensors, num_classes=4, n_bins=15)
    assert ece(confidence, right, np.ones((1, 500)))[0] == pytest.approx(expected.item(), abs=1e-6)


def test_class_of_an_unknown_case_is_neither_right_nor_wrong():
    scores = np.array([[0.7, 0.2, 0.1]] * 3)
    targets = np.array([[1.0, 0, 0], [0, 1, 0], [np.nan] * 3])
    confidence, right = top_class(scores, targets)
    assert confidence.tolist() == [0.7] * 3
    np.testing.assert_array_equal(right, [1, 0, np.nan])


def test_calibration_error_worked_by_hand():
    scores, targets = np.array([0.0, 1.0, 1.0, 0.95]), np.array([0.0, 1.0, 0.0, 1.0])
    assert ece(scores, targets, np.ones((1, 4)))[0] == pytest.approx(abs(2 - 2.95) / 4)


def test_certain_and_wrong_costs_the_clip():
    assert log_loss(np.ones(1), np.zeros(1), np.ones((1, 1)))[0] == pytest.approx(-np.log(1e-7))


@pytest.mark.parametrize("metric", [brier, log_loss, ece])
@pytest.mark.parametrize("weight", [[[1.0, 0.0]], [[0.0, 0.0]]])
def test_nothing_known_is_undefined(metric, weight):
    assert np.isnan(metric(np.array([0.3, 0.4]), np.array([np.nan, 1.0]), np.array(weight)))


def test_reliability_points_are_those_of_scikit_learn():
    generator = np.random.default_rng(0)
    scores = generator.random(300)
    targets = (generator.random(300) < scores**2).astype(float)
    targets[:50] = np.nan
    points = reliability(scores, targets)
    observed, probability = calibration_curve(targets[50:], scores[50:], n_bins=15)
    np.testing.assert_allclose(points.observed, observed)
    np.testing.assert_allclose(points.probability, probability)
    assert points.cases.sum() == 250
