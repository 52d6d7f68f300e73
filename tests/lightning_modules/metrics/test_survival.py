import numpy as np
import pytest

from lightning_modules.metrics.survival import (
    Concordance,
    integrated_brier,
    kaplan_meier,
    log_rank,
)

# Freireich et al., Blood 1963: weeks of remission with 6-MP (+: censored) and with placebo.
TREATED = "6 6 6 6+ 7 9+ 10 10+ 11+ 13 16 17+ 19+ 20+ 22 23 25+ 32+ 32+ 34+ 35+"
PLACEBO = "1 1 2 2 3 4 4 5 5 8 8 8 8 11 11 12 12 15 17 22 23"


def weeks(words):
    return np.array([float(word.rstrip("+")) for word in words.split()])


def events(words):
    return np.array(["+" not in word for word in words.split()])


def brute_force(risk, time, event):
    pairs = right = 0.0
    for i in range(len(risk)):
        for j in range(len(risk)):
            if event[i] and (time[j] > time[i] or (time[j] == time[i] and not event[j])):
                pairs += 1
                right += 0.5 * (risk[i] == risk[j]) + (risk[i] > risk[j])
    return right / pairs


@pytest.mark.parametrize("seed", range(5))
def test_c_index_counts_pairs(seed):
    chance = np.random.default_rng(seed)
    risk, time = chance.integers(0, 6, 40).astype(float), chance.integers(1, 15, 40).astype(float)
    event = chance.random(40) < 0.6
    found = Concordance(risk, time, event)(np.ones((1, 40)))[0]
    assert found == pytest.approx(brute_force(risk, time, event))


def test_a_weight_of_two_is_a_case_twice():
    risk, time = np.array([3.0, 1.0, 2.0]), np.array([1.0, 5.0, 3.0])
    event = np.array([True, False, True])
    twice = np.array([0, 0, 1, 2])
    weighted = Concordance(risk, time, event)(np.array([[2.0, 1.0, 1.0]]))[0]
    assert weighted == Concordance(risk[twice], time[twice], event[twice])(np.ones((1, 4)))[0]


def test_c_index_without_events_is_undefined():
    found = Concordance(np.ones(3), np.arange(3.0), np.zeros(3, bool))(np.ones((1, 3)))
    assert np.isnan(found).all()


def test_kaplan_meier_of_the_trial_of_6mp():
    curve = kaplan_meier(weeks(TREATED), events(TREATED), np.ones((1, 21)))
    found = curve.at(np.array([6.0, 7.0, 10.0, 13.0, 16.0, 22.0, 23.0]))[0]
    published = [0.857, 0.807, 0.753, 0.690, 0.627, 0.538, 0.448]
    assert found == pytest.approx(published, abs=6e-4)


def test_log_rank_of_the_trial_of_6mp():
    time = np.concatenate([weeks(TREATED), weeks(PLACEBO)])
    event = np.concatenate([events(TREATED), events(PLACEBO)])
    found = log_rank(time, event, np.arange(42) < 21)
    assert found.statistic == pytest.approx(16.79, abs=0.01)
    assert found.p < 1e-4


def test_log_rank_with_one_group_is_undefined():
    assert np.isnan(log_rank(np.arange(4.0), np.ones(4, bool), np.ones(4, bool)).p)


def test_brier_score_without_censoring_is_the_squared_error():
    time, event = np.array([1.0, 2.0, 3.0, 4.0]), np.ones(4, bool)
    survival = np.array([[0.1], [0.4], [0.8], [0.9]])
    found = integrated_brier(survival, np.array([2.5]), time, event, np.ones((1, 4)))[0]
    assert found == pytest.approx((0.1**2 + 0.4**2 + 0.2**2 + 0.1**2) / 4)
