import json

import numpy as np
import pytest
from scipy import stats

from lightning_modules.metrics.intervals import Figure, bootstrap, bootstrap_weights

PATIENTS = ["b", "a", "b", "c", "a", "b"]


def mean_of(values):
    return lambda weights: {"mean": weights @ values / weights.sum(axis=1)}


def ids(count):
    return [f"{case:05d}" for case in range(count)]


def draw(patients, **settings):
    return np.concatenate(list(bootstrap_weights(patients, **settings)))


def test_cases_of_a_patient_are_drawn_together():
    weights = draw(PATIENTS, samples=50, seed=0)
    assert weights.shape == (50, 6)
    np.testing.assert_array_equal(weights[:, [0, 0, 1]], weights[:, [2, 5, 4]])


def test_as_many_patients_are_drawn_as_there_are():
    weights = draw(PATIENTS, samples=50, seed=0)
    assert set(weights[:, [0, 1, 3]].sum(axis=1)) == {3}
    assert len({tuple(row) for row in weights}) == 10  # all ways to draw three of three patients


@pytest.mark.parametrize("chunk", [1, 7, 100])
def test_samples_do_not_depend_on_the_chunk(chunk):
    whole = draw(PATIENTS, samples=100, seed=3)
    np.testing.assert_array_equal(draw(PATIENTS, samples=100, seed=3, chunk=chunk), whole)


def test_samples_follow_the_seed():
    assert not np.array_equal(draw(PATIENTS, samples=9, seed=0), draw(PATIENTS, samples=9, seed=1))


def test_same_seed_gives_the_same_interval_in_any_order_of_cases():
    values, order = np.arange(40.0), np.random.default_rng(0).permutation(40)
    patients = np.array(ids(40))
    first = bootstrap(mean_of(values), list(patients), samples=200, seed=5)
    second = bootstrap(mean_of(values[order]), list(patients[order]), samples=200, seed=5)
    assert first == second


def test_interval_is_that_of_scipy():
    values = np.random.default_rng(0).exponential(size=80)
    figure = bootstrap(mean_of(values), ids(80), samples=20_000, seed=0)["mean"]
    reference = stats.bootstrap(
        (values,), np.mean, n_resamples=20_000, method="percentile", rng=1
    ).confidence_interval
    assert (figure.low, figure.high) == pytest.approx((reference.low, reference.high), abs=0.01)


def test_interval_holds_the_truth_in_about_95_of_100_studies():
    generator, held = np.random.default_rng(0), 0
    for study in range(400):
        values = np.repeat(generator.normal(size=60), 2)  # two cases a patient, wholly alike
        patients = [str(case // 2) for case in range(120)]
        figure = bootstrap(mean_of(values), patients, samples=300, seed=study)["mean"]
        held += figure.low <= 0 <= figure.high
    assert 0.91 <= held / 400 <= 0.97


def test_cases_taken_as_patients_would_make_the_interval_too_narrow():
    values = np.repeat(np.random.default_rng(0).normal(size=60), 4)
    by_patient = bootstrap(mean_of(values), [str(i // 4) for i in range(240)], 2000, 0)["mean"]
    by_case = bootstrap(mean_of(values), ids(240), 2000, 0)["mean"]
    ratio = (by_patient.high - by_patient.low) / (by_case.high - by_case.low)
    assert ratio == pytest.approx(2, rel=0.1)


def test_samples_without_a_value_are_left_out():
    def compute(weights):
        return {"draws": np.where(weights[:, 0] > 0, weights[:, 0], np.nan)}

    figure = bootstrap(compute, ids(20), samples=500, seed=0)["draws"]
    drawn = draw(ids(20), samples=500, seed=0)[:, 0]
    low, high = np.quantile(drawn[drawn > 0], [0.025, 0.975])
    assert (figure.value, figure.low, figure.high, figure.reason) == (1, low, high, None)


def test_interval_is_missing_when_most_samples_have_no_value():
    def compute(weights):
        return {"rare": np.where((weights > 0).all(axis=1), 0.5, np.nan)}

    figure = bootstrap(compute, ids(10), samples=200, seed=0)["rare"]
    assert (figure.value, figure.low, figure.high) == (0.5, None, None)
    assert "of 200 bootstrap samples only" in figure.reason


def test_one_patient_has_no_interval():
    figure = bootstrap(mean_of(np.arange(3.0)), ["a"] * 3, samples=100, seed=0)["mean"]
    assert figure == Figure(1, None, None, 3, 1, "no interval: all cases are of one patient")


def test_no_samples_give_values_alone():
    figure = bootstrap(mean_of(np.arange(3.0)), ["a", "b", "b"], samples=0, seed=0)["mean"]
    assert figure == Figure(1, None, None, cases=3, patients=2)


def test_undefined_value_has_no_interval():
    figure = bootstrap(mean_of(np.full(3, np.nan)), ids(3), samples=10, seed=0)["mean"]
    assert figure == Figure(None, None, None, cases=3, patients=3)


def test_figure_is_plain_json_and_gives_a_reason_only_when_there_is_one():
    plain = Figure(0.5, 0.4, 0.6, 10, 9).to_dict()
    assert json.loads(json.dumps(plain)) == plain
    assert plain == {"value": 0.5, "low": 0.4, "high": 0.6, "cases": 10, "patients": 9}
    assert (
        Figure(None, None, None, 0, 0, "no positive case").to_dict()["reason"] == "no positive case"
    )
