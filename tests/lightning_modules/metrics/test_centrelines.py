import numpy as np
import pytest
from scipy import ndimage
from skimage.morphology import skeletonize

from lightning_modules.metrics.centrelines import centreline, count_centrelines


@pytest.fixture
def vessel():
    """A straight vessel, five pixels wide and forty long."""
    mask = np.zeros((30, 60), dtype=bool)
    mask[10:15, 10:50] = True
    return mask


def test_equal_masks_share_their_centreline(vessel):
    found = count_centrelines(vessel, vessel)
    assert found.predicted_inside == found.predicted == found.true_inside == found.true
    assert 30 < found.true <= 40


def test_a_thinner_vessel_has_the_same_centreline(vessel):
    thin = np.zeros_like(vessel)
    thin[12:13, 10:50] = True
    found = count_centrelines(thin, vessel)
    assert found.predicted_inside == found.predicted == 40
    # But for the ends, where the centreline of a broad vessel runs into its corners.
    assert found.true - 3 <= found.true_inside <= found.true


def test_half_a_vessel_has_half_the_centreline(vessel):
    half = vessel.copy()
    half[:, 30:] = False
    found = count_centrelines(half, vessel)
    assert found.predicted_inside == found.predicted
    assert found.true_inside == pytest.approx(found.true / 2, abs=3)


@pytest.mark.parametrize("axes", [2, 3])
def test_an_empty_prediction_finds_nothing(axes):
    mask = np.zeros((9,) * axes, dtype=bool)
    mask[2:6, 4:6] = True
    found = count_centrelines(np.zeros_like(mask), mask)
    assert (found.predicted, found.predicted_inside, found.true_inside) == (0, 0, 0)
    assert found.true > 0
    assert set(count_centrelines(mask & False, mask & False)) == {0}


@pytest.mark.parametrize("shape", [(40, 36), (30, 26, 20)])
def test_the_room_around_masks_changes_nothing(shape):
    noise = ndimage.gaussian_filter(np.random.default_rng(0).normal(size=(2, *shape)), 2)
    masks = np.pad(noise > 0.05, [(0, 0)] + [(3, 3)] * len(shape))
    lines = [skeletonize(mask) for mask in masks]
    expected = [(lines[0] & masks[1]).sum(), lines[0].sum(), (lines[1] & masks[0]).sum()]
    assert list(count_centrelines(*masks)) == [*expected, lines[1].sum()]


def test_no_mask_is_without_a_centreline():
    block = np.zeros((8, 8, 8), dtype=bool)
    block[2:6, 2:6, 2:6] = True
    assert not skeletonize(block).any()
    assert centreline(block).any()
