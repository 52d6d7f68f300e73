import time

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score
from torchmetrics.functional.classification import binary_auroc, binary_average_precision

from lightning_modules.metrics.intervals import bootstrap_weights
from lightning_modules.metrics.ranking import (
    Ranking,
    auroc,
    average_precision,
    precision_recall_curve,
    roc_curve,
)

GENERATED = settings(max_examples=300, deadline=None, database=None)
AREAS = [(auroc, roc_auc_score), (average_precision, average_precision_score)]


@st.composite
def cases(draw):
    """Scores with many ties, targets of which some are not known, and multiplicities."""
    score = st.integers(0, 5).map(lambda step: step / 5) | st.floats(0, 1, width=32)
    case = st.tuples(score, st.sampled_from([0.0, 1.0, np.nan]), st.integers(0, 3))
    return tuple(np.array(draw(st.lists(case, min_size=1, max_size=60)), dtype=float).T)


def repeat(scores, targets, weights):
    known = ~np.isnan(targets)
    times = weights[known].astype(int)
    return np.repeat(scores[known], times), np.repeat(targets[known], times)


@pytest.mark.parametrize(("area", "reference"), AREAS)
@GENERATED
@given(cases=cases())
def test_weighted_area_is_that_of_scikit_learn_on_repeated_cases(area, reference, cases):
    scores, targets = repeat(*cases)
    assume(len(set(targets)) == 2)
    value = area(cases[0], cases[1], cases[2][None])
    assert value == pytest.approx([reference(targets, scores)], abs=1e-12)


@pytest.mark.parametrize(("area", "reference"), AREAS)
@GENERATED
@given(cases=cases())
def test_area_without_weights_is_that_of_scikit_learn(area, reference, cases):
    scores, targets = repeat(cases[0], cases[1], np.ones(len(cases[0])))
    assume(len(set(targets)) == 2)
    assert area(cases[0], cases[1]) == pytest.approx([reference(targets, scores)], abs=1e-12)


@pytest.mark.parametrize("area", [auroc, average_precision])
@GENERATED
@given(cases=cases())
def test_area_is_undefined_exactly_where_a_class_is_absent(area, cases):
    present = set(repeat(*cases)[1])
    assert np.isnan(area(cases[0], cases[1], cases[2][None])[0]) == (len(present) < 2)


@pytest.mark.parametrize(
    ("area", "reference"),
    [(auroc, binary_auroc), (average_precision, binary_average_precision)],
)
def test_area_is_that_of_torchmetrics(area, reference):
    generator = np.random.default_rng(0)
    targets = generator.integers(0, 2, 5000).astype(float)
    scores = np.round((generator.random(5000) + targets / 2) / 1.5, 3)
    expected = reference(torch.tensor(scores), torch.tensor(targets).long()).item()
    assert area(scores, targets)[0] == pytest.approx(expected, abs=1e-6)


def test_areas_worked_by_hand():
    scores, targets = np.array([0.9, 0.5, 0.5, 0.1]), np.array([1.0, 1.0, 0.0, 0.0])
    assert auroc(scores, targets) == [3.5 / 4]
    assert average_precision(scores, targets) == [0.5 * 1 + 0.5 * 2 / 3]


def test_equal_scores_say_nothing():
    scores, targets = np.full(10, 0.5), np.arange(10) % 5 == 0
    assert auroc(scores, targets.astype(float)) == [0.5]
    assert average_precision(scores, targets.astype(float)) == [0.2]


def test_several_weightings_are_those_one_by_one():
    generator = np.random.default_rng(0)
    scores, targets = np.round(generator.random(50), 1), generator.integers(0, 2, 50).astype(float)
    weights = generator.integers(0, 3, (20, 50)).astype(float)
    ranking = Ranking(scores, targets)
    one_by_one = [ranking.average_precision(row[None])[0] for row in weights]
    np.testing.assert_array_equal(ranking.average_precision(weights), one_by_one)


def test_area_under_the_points_of_the_curves_is_the_area():
    generator = np.random.default_rng(0)
    scores, targets = (
        np.round(generator.random(200), 2),
        generator.integers(0, 2, 200).astype(float),
    )
    targets[:20] = np.nan
    false, sensitivity, _ = roc_curve(scores, targets)
    precision, recall, thresholds = precision_recall_curve(scores, targets)
    assert np.trapezoid(sensitivity, false) == pytest.approx(auroc(scores, targets)[0])
    steps = np.diff(recall, prepend=0) @ precision
    assert steps == pytest.approx(average_precision(scores, targets)[0])
    assert np.all(np.diff(thresholds) < 0)


def test_auroc_of_a_million_cases_is_several_times_as_fast_as_torchmetrics():
    generator = np.random.default_rng(0)
    targets = generator.integers(0, 2, 10**6).astype(float)
    scores = generator.random(10**6) + targets / 5
    tensors = torch.tensor(scores / 1.2), torch.tensor(targets).long()
    ratio = _seconds(lambda: binary_auroc(*tensors)) / _seconds(lambda: auroc(scores, targets))
    print(f"AUROC of 10^6 cases: {ratio:.1f} x torchmetrics")
    assert ratio > 2.5  # the goal is 5; half of it leaves room for a busy machine


def test_thousand_bootstraps_are_tens_of_times_as_fast_as_a_loop():
    generator = np.random.default_rng(0)
    targets = generator.integers(0, 2, 2000).astype(float)
    scores = generator.random(2000) + targets / 5
    patients = [str(case) for case in range(2000)]

    def bootstrap(samples):
        ranking = Ranking(scores, targets)
        return [ranking.auroc(weights) for weights in bootstrap_weights(patients, samples, 0)]

    def loop(samples):
        for draw in generator.integers(0, 2000, (samples, 2000)):
            roc_auc_score(targets[draw], scores[draw])

    ratio = 10 * _seconds(lambda: loop(100)) / _seconds(lambda: bootstrap(1000))
    print(f"1000 bootstraps of AUROC, n = 2000: {ratio:.1f} x scikit-learn")
    assert ratio > 15  # the goal is 30; half of it leaves room for a busy machine


def _seconds(run):
    times = []
    for _ in range(3):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return min(times)
