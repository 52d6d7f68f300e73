import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from monai.metrics import (
    compute_average_surface_distance,
    compute_hausdorff_distance,
    compute_surface_dice,
)
from scipy import ndimage

from lightning_modules.metrics.surface_distances import edge_voxels, surface_distances

SPACINGS = [(1.0, 1.0), (0.7, 2.5), (1.0, 1.0, 1.0), (0.8, 0.8, 5.0)]


def blob(shape, seed):
    """A smooth shape around the centre, of one or several parts."""
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=shape), 2)
    grid = np.stack(np.meshgrid(*(np.linspace(-1, 1, size) for size in shape), indexing="ij"))
    return (grid**2).sum(axis=0) < 0.4 + 0.4 * noise / noise.std()


def pair(dimensions, seed=0):
    shape = (24, 22, 14)[:dimensions]
    return blob(shape, seed), blob(shape, seed + 1)


def tensors(*masks):
    return [torch.from_numpy(mask)[None, None].float() for mask in masks]


@pytest.mark.filterwarnings("ignore:.*always_return_as_numpy:FutureWarning")
@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("seed", range(3))
def test_distances_are_those_of_monai(spacing, seed):
    masks = pair(len(spacing), 10 * seed)
    found = surface_distances(*masks, spacing)
    both, shared = tensors(*masks), {"include_background": True, "spacing": spacing}
    hd95 = compute_hausdorff_distance(*both, percentile=95, **shared)
    assd = compute_average_surface_distance(*both, symmetric=True, **shared)
    agreement = compute_surface_dice(*both, [1.55], **shared)
    assert found.hd95 == pytest.approx(hd95.item(), rel=1e-6)
    assert found.assd == pytest.approx(assd.item(), rel=1e-6)
    assert found.surface_dice(1.55) == pytest.approx(agreement.item(), rel=1e-6)


def by_distance_transforms(prediction, truth, spacing):
    """Sorted distances both ways, from the whole images."""
    edges = [mask ^ ndimage.binary_erosion(mask) for mask in (prediction, truth)]
    transforms = [ndimage.distance_transform_edt(~edge, sampling=spacing) for edge in edges]
    return np.sort(transforms[1][edges[0]]), np.sort(transforms[0][edges[1]])


@settings(max_examples=60, deadline=None)
@given(
    arrays.arrays(np.bool_, st.tuples(st.just(2), *[st.integers(1, 5)] * 3)),
    st.tuples(*[st.sampled_from((0.5, 0.7, 1.0, 3.0))] * 3),
)
def test_distances_are_those_of_distance_transforms(masks, spacing):
    found = surface_distances(*masks, spacing)
    if not all(mask.any() for mask in masks):
        assert found is None
        return
    expected = by_distance_transforms(*masks, spacing)
    np.testing.assert_allclose(np.sort(found.of_prediction), expected[0], rtol=1e-12)
    np.testing.assert_allclose(np.sort(found.of_truth), expected[1], rtol=1e-12)


def squares():
    """A square of 4 x 4 pixels, and the same moved by three along the first axis."""
    truth = np.zeros((12, 12), dtype=bool)
    truth[2:6, 3:7] = True
    return np.roll(truth, 3, axis=0), truth


def test_distances_of_moved_squares_by_hand():
    found = surface_distances(*squares(), (2.0, 1.0))
    # Of 12 edge pixels: the far row of 4 is 3 rows away; in the next row the two at the sides are
    # 2 rows away, in the one after 1; the row shared with the other square is on its edge.
    assert sorted(found.of_prediction) == pytest.approx([0] * 4 + [2] * 2 + [4] * 2 + [6] * 4)
    assert found.hd95 == 6
    assert found.assd == pytest.approx((2 * 2 + 2 * 4 + 4 * 6) / 12)
    assert found.surface_dice(2.0) == pytest.approx(6 / 12)


def test_hd95_is_the_larger_of_the_two_directions():
    truth = np.zeros((3, 40), dtype=bool)
    truth[1, :10] = True
    prediction = truth.copy()
    prediction[1, 30:] = True
    found = surface_distances(prediction, truth, (1.0, 1.0))
    assert found.hd95 == pytest.approx(np.quantile([0] * 10 + list(range(21, 31)), 0.95))
    assert found.hd95 == surface_distances(truth, prediction, (1.0, 1.0)).hd95


@pytest.mark.parametrize("step", [0.1, 0.7, 0.3, np.float32(0.1)])
def test_a_distance_that_equals_the_tolerance_is_within_it(step):
    prediction, truth = np.zeros((2, 9, 9), dtype=bool)
    prediction[2, 4], truth[5, 4] = True, True
    found = surface_distances(prediction, truth, (step, 1.0))
    assert found.surface_dice(round(3 * float(step), 6)) == 1
    assert found.surface_dice(2.99 * step) == 0


def test_equal_masks_touch_everywhere():
    mask, _ = pair(3)
    found = surface_distances(mask, mask, (1, 1, 3))
    assert (found.hd95, found.assd, found.surface_dice(0.0)) == (0, 0, 1)


@pytest.mark.parametrize("empty", [(0,), (1,), (0, 1)])
def test_an_empty_mask_has_no_distances(empty):
    masks = pair(3)
    for number in empty:
        masks[number][:] = False
    assert surface_distances(*masks, (1, 1, 1)) is None


@pytest.mark.parametrize("dimensions", [2, 3])
def test_edges_are_those_of_scipy(dimensions):
    mask, _ = pair(dimensions)
    mask[0] = True
    np.testing.assert_array_equal(edge_voxels(mask), mask ^ ndimage.binary_erosion(mask))
