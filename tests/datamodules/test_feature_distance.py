import numpy as np
import pytest
from scipy.spatial.distance import mahalanobis
from sklearn.decomposition import PCA

from datamodules.feature_distance import FeatureDistance


def correlated(cases: int, width: int, seed: int = 0) -> np.ndarray:
    """Features ``(cases, width)`` with a few strong directions, not centred."""
    mixing = np.random.default_rng(99).normal(size=(4, width)) * 3
    chance = np.random.default_rng(seed)
    values = chance.normal(size=(cases, 4)) @ mixing + chance.normal(size=(cases, width)) + 5
    return values.astype(np.float32)


@pytest.mark.parametrize(("cases", "width"), [(300, 20), (40, 12)])
def test_distance_is_that_of_mahalanobis_with_the_covariance_of_probabilistic_pca(cases, width):
    training, others = correlated(cases, width), correlated(5, width, seed=1)
    distance = FeatureDistance.fit(training, others)
    pca = PCA(n_components=len(distance.variances)).fit(training.astype(np.float64))
    inverse = np.linalg.inv(pca.get_covariance())
    expected = [mahalanobis(row, pca.mean_, inverse) for row in others]
    assert distance(others) == pytest.approx(expected, rel=1e-4)


def test_with_more_features_than_cases_it_is_that_of_the_same_model():
    training, others = correlated(30, 50), correlated(4, 50, seed=1)
    distance = FeatureDistance.fit(training, others)
    values = training - training.mean(0, dtype=np.float64)
    variances, vectors = np.linalg.eigh(values.T @ values / 29)
    count = len(distance.variances)
    rest = variances[:-count].sum() / (50 - count)
    full = (vectors * np.r_[np.full(50 - count, rest), variances[-count:]]) @ vectors.T
    expected = [mahalanobis(row, training.mean(0), np.linalg.inv(full)) for row in others]
    assert distance(others) == pytest.approx(expected, rel=1e-3)


def test_about_one_in_a_thousand_is_beyond_the_limit():
    distance = FeatureDistance.fit(correlated(2000, 16), correlated(5000, 16, seed=1))
    beyond = (distance(correlated(50_000, 16, seed=2)) > distance.limit).mean()
    assert 0.0003 < beyond < 0.003


def test_few_validation_cases_leave_the_limit_loose():
    training, rest = correlated(200, 16), correlated(5000, 16, seed=2)
    beyond = [
        (distance := FeatureDistance.fit(training, correlated(12, 16, seed)))(rest) > distance.limit
        for seed in range(3, 9)
    ]
    assert np.mean(beyond) < 0.02


def test_feature_that_never_differed_in_training_counts_when_it_does():
    training = correlated(100, 8)
    training[:, 3] = 1
    distance = FeatureDistance.fit(training, training)
    odd = training[:1].copy()
    odd[0, 3] = 2e4
    assert np.isfinite(distance(training)).all()
    assert distance(odd)[0] > 10 * distance.limit


def test_features_that_are_all_alike_have_no_distance():
    same = np.ones((10, 4), np.float32)
    distance = FeatureDistance.fit(same, same)
    assert distance(same).max() == 0
    assert distance(same + 1)[0] > distance.limit


def test_at_most_64_directions_are_kept():
    distance = FeatureDistance.fit(correlated(600, 300), correlated(50, 300, seed=1))
    assert distance.components.shape == (64, 300)
    assert distance.components.dtype == np.float32


@pytest.mark.parametrize("training", [np.ones((10, 4), np.float32), correlated(60, 8)])
def test_what_is_kept_are_arrays_and_plain_numbers(training):
    kept = FeatureDistance.fit(training, training).to_dict()
    assert {type(value) for value in kept.values()} == {np.ndarray, float}
