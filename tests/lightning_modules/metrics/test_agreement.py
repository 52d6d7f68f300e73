import numpy as np
import pytest

from lightning_modules.metrics.agreement import intraclass_correlation

JUDGES = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
"""Shrout and Fleiss 1979, table 2: six targets, four judges."""


def test_published_example_is_met():
    found = intraclass_correlation(np.array(JUDGES, float), np.ones((1, 6)))
    assert found[0] == pytest.approx(0.29, abs=0.005)


def test_weight_of_two_is_a_case_twice():
    measured = np.array(JUDGES, float)[:, :2]
    weights = np.array([[2.0, 1, 0, 1, 3, 1]])
    repeated = np.repeat(measured, weights[0].astype(int), axis=0)
    expected = intraclass_correlation(repeated, np.ones((1, len(repeated))))
    assert intraclass_correlation(measured, weights) == pytest.approx(expected)


def test_full_agreement_is_one_and_a_shift_lowers_it():
    same = np.array([[1.0, 1], [2, 2], [4, 4]])
    assert intraclass_correlation(same, np.ones((1, 3)))[0] == pytest.approx(1)
    assert intraclass_correlation(np.add(same, [0, 1]), np.ones((1, 3)))[0] < 0.9


def test_one_case_or_no_difference_is_undefined():
    assert np.isnan(intraclass_correlation(np.array([[1.0, 2]]), np.ones((1, 1))))
    assert np.isnan(intraclass_correlation(np.ones((3, 2)), np.ones((1, 3))))
