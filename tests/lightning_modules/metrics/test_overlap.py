import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from monai.metrics import compute_dice, compute_iou, get_confusion_matrix
from torch.nn import functional as F

from datamodules.batches import UNKNOWN
from lightning_modules.metrics import overlap
from lightning_modules.metrics.overlap import OVERLAP, VoxelCounts, count_overlap, dice, iou
from lightning_modules.metrics.thresholded import Counts

STRUCTURES = 3


def as_counts(found):
    return Counts(*np.array(found, dtype=np.float64).T)


def naive(called, true, known):
    """Counts of one structure, voxel by voxel."""
    cells = {pair: 0 for pair in ((1, 1), (1, 0), (0, 1), (0, 0))}
    for mine, theirs, counts in zip(called.flat, true.flat, known.flat, strict=True):
        cells[(int(mine), int(theirs))] += bool(counts)
    return VoxelCounts(*cells.values())


@st.composite
def label_maps(draw):
    """A prediction and a truth with unknown voxels, ``(1, *spatial)``."""
    shape = (1, *draw(st.lists(st.integers(1, 5), min_size=2, max_size=3)))
    called = st.sampled_from(range(STRUCTURES + 1))
    true = st.sampled_from((*range(STRUCTURES + 1), UNKNOWN))
    return tuple(draw(arrays.arrays(np.uint8, shape, elements=each)) for each in (called, true))


@settings(max_examples=60, deadline=None)
@given(label_maps())
def test_labels_are_counted_as_one_by_one(masks):
    prediction, truth = masks
    expected = [
        naive(prediction == index, truth == index, truth != UNKNOWN)
        for index in range(1, STRUCTURES + 1)
    ]
    assert count_overlap(prediction, truth, STRUCTURES) == expected


@settings(max_examples=30, deadline=None)
@given(label_maps())
def test_overlapping_masks_are_counted_as_one_by_one(masks):
    prediction = np.concatenate([masks[0] > index for index in range(2)]).astype(np.uint8)
    truth = np.concatenate([masks[1] > index for index in range(2)]).astype(np.uint8)
    truth[np.repeat(masks[1] == UNKNOWN, 2, axis=0)] = UNKNOWN
    expected = [
        naive(called == 1, true == 1, true != UNKNOWN)
        for called, true in zip(prediction, truth, strict=True)
    ]
    assert count_overlap(prediction, truth, 2) == expected


def draw_labels(seed, shape=(1, 9, 8, 7)):
    return np.random.default_rng(seed).integers(0, STRUCTURES + 1, shape).astype(np.uint8)


def test_chunks_do_not_change_counts(monkeypatch):
    masks = draw_labels(0), draw_labels(1)
    whole = count_overlap(*masks, STRUCTURES)
    monkeypatch.setattr(overlap, "CHUNK_SIZE", 37)
    assert count_overlap(*masks, STRUCTURES) == whole


def test_figures_are_those_of_monai():
    prediction, truth = draw_labels(0), draw_labels(1)
    hot = [
        F.one_hot(torch.from_numpy(mask).long(), STRUCTURES + 1).movedim(-1, 1)
        for mask in (prediction, truth)
    ]
    counts = as_counts(count_overlap(prediction, truth, STRUCTURES))
    np.testing.assert_allclose(dice(counts), compute_dice(*hot, False)[0], rtol=1e-6)
    np.testing.assert_allclose(iou(counts), compute_iou(*hot, False)[0], rtol=1e-6)
    tp, fp, tn, fn = get_confusion_matrix(*hot, include_background=False)[0].numpy().T
    np.testing.assert_array_equal(np.stack(counts), [tp, fp, fn, tn])


def test_figures_of_counts_by_hand():
    counts = Counts(*(np.array([value]) for value in (6.0, 2.0, 4.0, 88.0)))
    expected = {"dice": 12 / 18, "iou": 0.5, "sensitivity": 0.6, "precision": 0.75}
    expected["specificity"] = 88 / 90
    assert {name: each(counts)[0] for name, each in OVERLAP.items()} == pytest.approx(expected)


def test_two_empty_masks_have_no_dice_and_one_has_zero():
    found, extra = np.zeros(2), np.array([0.0, 5.0])
    counts = Counts(found, extra, np.zeros(2), np.full(2, 10.0))
    np.testing.assert_array_equal(dice(counts), [np.nan, 0])
    np.testing.assert_array_equal(iou(counts), [np.nan, 0])


@pytest.mark.parametrize("faulty", [0, 1])
def test_label_beyond_the_structures_is_refused(faulty):
    masks = [np.zeros((1, 4, 4), dtype=np.uint8) for _ in range(2)]
    masks[faulty][0, 1, 1] = 4
    with pytest.raises(ValueError, match="beyond its 3"):
        count_overlap(*masks, STRUCTURES)


@pytest.mark.parametrize("shapes", [((1, 4, 4), (1, 4, 5)), ((2, 4, 4), (2, 4, 4))])
def test_masks_that_do_not_fit_are_refused(shapes):
    with pytest.raises(ValueError, match="masks of shape"):
        count_overlap(*(np.zeros(shape, dtype=np.uint8) for shape in shapes), STRUCTURES)


def test_many_structures_are_counted_as_few():
    rng = np.random.default_rng(0)
    prediction, truth = rng.integers(0, 255, (2, 1, 40, 50)).astype(np.uint8)
    truth[0, 0, :5] = UNKNOWN
    found = count_overlap(prediction, truth, 254)
    for index in (1, 15, 16, 254):
        expected = naive(prediction == index, truth == index, truth != UNKNOWN)
        assert found[index - 1] == expected
