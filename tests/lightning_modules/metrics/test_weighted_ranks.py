import numpy as np
import pytest
from scipy.stats import rankdata, spearmanr

from lightning_modules.metrics import weighted_ranks
from lightning_modules.metrics.weighted_ranks import WeightedRanks


@pytest.fixture
def drawn():
    """Values of 6 cases with ties, others, the case of each, and 40 bootstrap samples."""
    generator = np.random.default_rng(0)
    cases = np.repeat(np.arange(6), 4)
    values = generator.integers(0, 9, 24).astype(float)
    others = values + generator.integers(0, 9, 24)
    weights = np.array([np.bincount(generator.integers(0, 6, 6), minlength=6) for _ in range(40)])
    return values, others, cases, weights.astype(float)


def repeated(values, cases, weights):
    return np.repeat(values, weights[cases].astype(int))


@pytest.mark.parametrize("share", [0.0, 0.5, 0.95, 1.0])
def test_quantile_is_that_of_the_repeated_values(drawn, share):
    values, _, cases, weights = drawn
    found = WeightedRanks(values, cases).quantile(weights, share)
    expected = [np.quantile(repeated(values, cases, own), share) for own in weights]
    assert found == pytest.approx(expected)


def test_ranks_of_ties_are_their_mean(drawn):
    values, _, cases, weights = drawn
    ranks = WeightedRanks(values, cases).ranks(weights)
    for own, found in zip(weights, ranks, strict=True):
        expected = rankdata(repeated(values, cases, own))
        assert repeated(found, cases, own) == pytest.approx(expected)


def test_correlation_is_that_of_scipy(drawn):
    values, others, cases, weights = drawn
    one, other = WeightedRanks(values, cases), WeightedRanks(others, cases)
    found = one.correlation(other, weights)
    expected = [
        spearmanr(repeated(values, cases, own), repeated(others, cases, own)).statistic
        for own in weights
    ]
    assert found == pytest.approx(expected)


def test_correlation_with_what_never_differs_is_undefined():
    cases = np.arange(3)
    one, other = WeightedRanks(np.ones(3), cases), WeightedRanks(np.arange(3.0), cases)
    assert np.isnan(one.correlation(other, np.ones((1, 3)))).all()


def test_halves_are_those_of_the_sorted_values():
    by, values = np.array([0.1, 0.9, 0.4, 0.6]), np.array([8.0, 1.0, 4.0, 3.0])
    low, high = WeightedRanks(by, np.arange(4)).means_of_halves(values, np.ones((1, 4)))
    assert (low[0], high[0]) == (6, 2)


def test_tie_in_the_middle_counts_in_parts_to_both_halves():
    by, values = np.array([0.1, 0.5, 0.5, 0.9]), np.array([8.0, 2.0, 4.0, 0.0])
    ranks = WeightedRanks(by, np.arange(4))
    low, high = ranks.means_of_halves(values, np.ones((1, 4)))
    assert (low[0], high[0]) == (5.5, 1.5)
    low, high = ranks.means_of_halves(values, np.array([[2.0, 1, 0, 0]]))
    assert (low[0], high[0]) == (8, pytest.approx((0.5 * 8 + 2) / 1.5))


def test_halves_of_what_never_differs_are_undefined():
    low, high = WeightedRanks(np.ones(3), np.arange(3)).means_of_halves(
        np.arange(3.0), np.ones((1, 3))
    )
    assert np.isnan([*low, *high]).all()


def test_blocks_do_not_change_the_result(drawn, monkeypatch):
    values, _, cases, weights = drawn
    ranks = WeightedRanks(values, cases)
    whole = ranks.quantile(weights, 0.3)
    monkeypatch.setattr(weighted_ranks, "BLOCK_SIZE", 100)
    assert np.array_equal(ranks.quantile(weights, 0.3), whole)
