import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from lightning_modules.metrics.thresholded import THRESHOLDED, confusion_counts

REFERENCES = {
    "accuracy": metrics.accuracy_score,
    "balanced_accuracy": metrics.balanced_accuracy_score,
    "sensitivity": metrics.recall_score,
    "specificity": lambda truth, called: metrics.recall_score(truth, called, pos_label=0),
    "ppv": metrics.precision_score,
    "npv": lambda truth, called: metrics.precision_score(truth, called, pos_label=0),
    "f1": metrics.f1_score,
}
CASE = st.tuples(st.booleans(), st.sampled_from([0.0, 1.0, np.nan]), st.integers(0, 3))


def figures(called, targets, weights=None):
    weights = np.ones((1, len(called))) if weights is None else weights
    counts = confusion_counts(np.array(called, dtype=bool), np.array(targets, dtype=float), weights)
    return {name: metric(counts)[0] for name, metric in THRESHOLDED.items()}


def test_every_figure_has_a_reference():
    assert set(THRESHOLDED) == set(REFERENCES)


@settings(max_examples=300, deadline=None, database=None)
@given(st.lists(CASE, min_size=1, max_size=50))
def test_weighted_figures_are_those_of_scikit_learn_on_repeated_cases(cases):
    called, targets, weights = np.array(cases, dtype=float).T
    times = np.where(np.isnan(targets), 0, weights).astype(int)
    truth, decision = np.repeat(targets, times), np.repeat(called, times)
    for name, value in figures(called, targets, weights[None]).items():
        if not np.isnan(value):
            assert value == pytest.approx(REFERENCES[name](truth, decision), abs=1e-12), name


def test_figures_worked_by_hand():
    found = figures([1, 1, 1, 0, 0, 0, 0], [1, 1, 0, 1, 0, 0, np.nan])
    assert found["sensitivity"] == found["ppv"] == found["specificity"] == found["npv"] == 2 / 3
    assert found["f1"] == found["balanced_accuracy"] == found["accuracy"] == 4 / 6


@pytest.mark.parametrize(
    ("called", "targets", "undefined"),
    [
        ([1, 0], [0, 0], {"balanced_accuracy", "sensitivity", "f1"}),
        ([1, 0], [1, 1], {"balanced_accuracy", "specificity"}),
        ([0, 0], [1, 0], {"ppv"}),
        ([1, 1], [1, 0], {"npv"}),
        ([1, 0], [np.nan, np.nan], set(THRESHOLDED)),
        ([], [], set(THRESHOLDED)),
    ],
)
def test_undefined_is_nan_and_nothing_else_is(called, targets, undefined):
    found = figures(called, targets)
    assert {name for name, value in found.items() if np.isnan(value)} == undefined


def test_missed_positives_are_a_failure_and_not_undefined():
    assert figures([0, 0], [1, 0])["f1"] == 0


def test_counts_are_exact_for_many_cases():
    counts = confusion_counts(np.ones(10**6, dtype=bool), np.ones(10**6), np.full((1, 10**6), 37.0))
    assert counts.true_positives[0] == 37 * 10**6
