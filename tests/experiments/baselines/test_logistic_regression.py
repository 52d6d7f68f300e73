import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from experiments.baselines.logistic_regression import STRENGTHS, mean_auroc, regress

TRAIN, VAL = slice(0, 200), slice(200, 260)


@pytest.fixture
def features():
    return np.random.default_rng(0).normal(size=(300, 4)).astype(np.float32)


@pytest.fixture
def targets(features):
    noise = np.random.default_rng(1).normal(size=(300, 2))
    return (features[:, :2] + noise > 0).astype(float)


def test_scores_rank_as_those_of_scikit_learn_with_the_strength_that_validates_best(
    features, targets
):
    scores = regress(features, targets, TRAIN, VAL, exclusive=False)
    for at in range(2):
        models = [
            LogisticRegression(C=c).fit(features[TRAIN], targets[TRAIN, at]) for c in STRENGTHS
        ]
        every = [model.decision_function(features) for model in models]
        best = max(every, key=lambda own: roc_auc_score(targets[VAL, at], own[VAL]))
        np.testing.assert_allclose(scores[:, at], best, atol=0.01)


def test_nothing_but_the_choice_of_strength_comes_from_validation(features, targets):
    before = regress(features, targets, TRAIN, VAL, exclusive=False)
    targets[VAL] = np.nan
    unchosen = regress(features, targets, TRAIN, VAL, exclusive=False)
    targets[260:] = 1 - targets[260:]
    again = regress(features, targets, TRAIN, VAL, exclusive=False)
    np.testing.assert_array_equal(unchosen, again)
    assert np.corrcoef(before[:, 0], unchosen[:, 0])[0, 1] > 0.95


def test_cases_whose_label_is_not_known_are_not_learned_from(features, targets):
    targets[:100, 0] = np.nan
    scores = regress(features, targets, TRAIN, VAL, exclusive=False)
    fewer = regress(features[100:], targets[100:], slice(0, 100), slice(100, 160), exclusive=False)
    np.testing.assert_allclose(scores[100:, 0], fewer[:, 0], atol=1e-5)


def test_a_label_with_one_outcome_in_training_has_no_scores(features, targets):
    targets[TRAIN, 1] = 0
    scores = regress(features, targets, TRAIN, VAL, exclusive=False)
    assert np.isnan(scores[:, 1]).all()
    assert np.isfinite(scores[:, 0]).all()


def test_classes_are_probabilities_of_one_regression(features):
    classes = np.eye(3)[np.digitize(features[:, 0], [-0.5, 0.5])]
    scores = regress(features, classes, TRAIN, VAL, exclusive=True)
    np.testing.assert_allclose(scores.sum(axis=1), 1, atol=1e-5)
    expected = roc_auc_score(classes[VAL].argmax(1), scores[VAL], multi_class="ovr")
    assert mean_auroc(scores[VAL], classes[VAL]) == pytest.approx(expected, abs=1e-6)


def test_a_class_that_training_lacks_has_no_scores(features):
    classes = np.eye(3)[np.digitize(features[:, 0], [0, 9])]
    scores = regress(features, classes, TRAIN, VAL, exclusive=True)
    assert np.isnan(scores[:, 2]).all()
    assert np.isfinite(scores[:, :2]).all()


def test_the_mean_area_leaves_out_what_is_undefined():
    scores = np.array([[0.1, 0.5, np.nan], [0.9, 0.4, np.nan]])
    targets = np.array([[0.0, 1.0, 0.0], [1.0, 1.0, 1.0]])
    assert mean_auroc(scores, targets) == 1
    assert mean_auroc(scores[:, 1:], targets[:, 1:]) == 0
