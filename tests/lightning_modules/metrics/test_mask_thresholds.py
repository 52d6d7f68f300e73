import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from lightning_modules.metrics.mask_thresholds import (
    highest_threshold,
    probability_histogram,
    threshold_grid,
)

GRID = threshold_grid()


def draw(seed, size=4000):
    rng = np.random.default_rng(seed)
    truth = (rng.random(size) < 0.2).astype(np.uint8)
    logits = rng.normal(2.0 * truth - 2, 2)
    return (1 / (1 + np.exp(-logits))).astype(np.float32), truth


def sensitivity(cases, threshold):
    shares = [(p[t == 1] >= np.float32(threshold)).mean() for p, t in cases if (t == 1).any()]
    return float(np.mean(shares))


@pytest.mark.parametrize("target", [0.5, 0.9, 0.95, 1.0])
@pytest.mark.parametrize("average", ["pooled", "per-case"])
def test_threshold_is_the_highest_that_reaches_the_target(target, average):
    cases = [draw(seed, size) for seed, size in enumerate((500, 4000, 50))]
    found = highest_threshold([probability_histogram(*case) for case in cases], target, average)
    if average == "pooled":
        cases = [tuple(np.concatenate(parts) for parts in zip(*cases, strict=True))]
    next_one = GRID[np.searchsorted(GRID, np.float32(found["threshold"])) + 1]
    assert found["sensitivity"] == pytest.approx(sensitivity(cases, found["threshold"]))
    assert sensitivity(cases, found["threshold"]) >= target
    assert sensitivity(cases, next_one) < target


@settings(max_examples=50, deadline=None)
@given(arrays.arrays(np.float32, 20, elements=st.floats(0, 1, width=32)))
def test_histograms_count_exactly(probability):
    counts = probability_histogram(probability, np.ones(20, dtype=np.uint8))
    above = np.cumsum(counts[::-1])[::-1]
    np.testing.assert_array_equal(above, [(probability >= edge).sum() for edge in GRID])


def test_the_grid_is_fine_at_both_ends():
    assert GRID[0] == 0
    assert (np.diff(GRID) > 0).all()
    assert GRID[1] < 1e-5
    assert 1 - GRID[-1] < 1e-5
    assert np.diff(GRID).max() < 0.006


def test_unknown_voxels_and_the_background_are_not_counted():
    probability = np.array([0.9, 0.2, 0.6, 0.7], dtype=np.float32)
    truth = np.array([1, 0, 255, 1], dtype=np.uint8)
    assert sum(probability_histogram(probability, truth)) == 2


def test_cases_without_the_structure_say_nothing():
    empty = probability_histogram(draw(0)[0], np.zeros(4000, dtype=np.uint8))
    full = probability_histogram(*draw(0))
    assert highest_threshold([empty, full], 0.9, "per-case") == highest_threshold([full], 0.9)


@pytest.mark.parametrize("histograms", [[], [[0] * 1024]])
def test_without_the_structure_a_half_is_taken(histograms):
    found = highest_threshold(histograms, 0.9)
    assert found["threshold"] == 0.5
    assert found["reason"].startswith("no voxel")
