import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from datamodules.data_info import LabelSet
from lightning_modules.metrics.classification import ClassificationMetrics
from lightning_modules.metrics.grades import quadratic_kappa


def drawn(cases=60, grades=4):
    rng = np.random.default_rng(0)
    truth = rng.integers(0, grades, cases)
    scores = rng.random((cases, grades)) + 0.7 * np.eye(grades)[truth]
    return scores / scores.sum(1, keepdims=True), truth, np.eye(grades)[truth]


def test_kappa_equals_that_of_scikit_learn():
    scores, truth, targets = drawn()
    expected = cohen_kappa_score(truth, scores.argmax(1), weights="quadratic")
    assert quadratic_kappa(scores, targets, np.ones((1, 60)))[0] == pytest.approx(expected)


def test_weights_are_repeated_cases():
    scores, truth, targets = drawn()
    weights = np.random.default_rng(1).integers(0, 4, (1, 60)).astype(float)
    again = np.repeat(np.arange(60), weights[0].astype(int))
    expected = cohen_kappa_score(truth[again], scores[again].argmax(1), weights="quadratic")
    assert quadratic_kappa(scores, targets, weights)[0] == pytest.approx(expected)


def test_unknown_grades_do_not_count_and_one_grade_has_no_kappa():
    scores, _, targets = drawn()
    unknown = targets.copy()
    unknown[30:] = np.nan
    weights = np.ones((1, 60))
    found = quadratic_kappa(scores, unknown, weights)
    assert found == pytest.approx(quadratic_kappa(scores[:30], targets[:30], weights[:, :30]))
    same = np.tile([1.0, 0, 0, 0], (60, 1))
    assert np.isnan(quadratic_kappa(same, same, weights)[0])


@pytest.mark.parametrize("ordered", [True, False])
def test_only_grades_have_a_kappa(ordered):
    scores, _, targets = drawn()
    metrics = ClassificationMetrics(LabelSet(("0", "1", "2", "3"), True, ordered=ordered))
    rows = [
        {"case_id": str(n), "patient_id": str(n), "scores": s, "targets": t}
        for n, (s, t) in enumerate(zip(scores.tolist(), targets.tolist(), strict=True))
    ]
    assert ("quadratic_kappa" in metrics.summarize(rows)) == ordered
    figures = metrics.figures(rows, None, 50, 0)
    assert ("quadratic_kappa" in figures) == ordered
    if ordered:
        figure = figures["quadratic_kappa"]
        assert figure.low < figure.value < figure.high
        assert (figure.cases, figure.reason) == (60, None)
