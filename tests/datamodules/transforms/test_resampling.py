"""Resampling in matrix products equals scipy's, scikit-image's and MONAI's."""

import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from monai.transforms import Spacing
from scipy import ndimage
from skimage.transform import resize

from datamodules.transforms.resampling import (
    axis_matrix,
    resample,
    resample_from_first_voxel,
    resample_labels,
    resample_probabilities,
    resampled_shape,
)

SHAPES = [
    ((9, 14, 7), (13, 14, 5)),
    ((8, 6, 5), (16, 3, 1)),
    ((1, 5, 9), (4, 11, 8)),
    ((70, 3, 1), (41, 90, 1)),
    ((33, 40), (50, 21)),
]


def noise(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def zoom(array: np.ndarray, shape: tuple[int, ...], order: int) -> np.ndarray:
    factors = [new / old for new, old in zip(shape, array.shape, strict=True)]
    return ndimage.zoom(array, factors, order=order, mode="nearest", grid_mode=True)


@pytest.mark.parametrize(("old", "new"), SHAPES)
@pytest.mark.parametrize("order", [0, 1, 3])
def test_each_channel_is_what_scipy_gives_within_its_range(
    old: tuple[int, ...], new: tuple[int, ...], order: int
) -> None:
    array = noise((2, *old))
    result = resample(array, new, order)
    assert (result.dtype, result.shape) == (np.float32, (2, *new))
    for channel, resampled in zip(array, result, strict=True):
        expected = np.clip(zoom(channel, new, order), channel.min(), channel.max())
        np.testing.assert_allclose(resampled, expected, atol=1e-5)


@pytest.mark.parametrize(("old", "new"), SHAPES)
@pytest.mark.parametrize("order", [1, 3])
def test_scikit_image_gives_the_same(
    old: tuple[int, ...], new: tuple[int, ...], order: int
) -> None:
    array = noise(old)
    expected = resize(array, new, order=order, mode="edge", anti_aliasing=False)
    np.testing.assert_allclose(resample(array[None], new, order)[0], expected, atol=1e-5)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_thick_slices_are_repeated_and_resized_one_by_one(axis: int) -> None:
    """nnU-Net: every slice resized in its plane, then the nearest slice taken."""
    array, shape = noise((6, 7, 8)), (11, 5, 13)
    plane = [size for index, size in enumerate(shape) if index != axis]
    slices = [
        resize(each, plane, order=3, mode="edge", anti_aliasing=False)
        for each in np.moveaxis(array, axis, 0)
    ]
    places = (np.arange(shape[axis]) + 0.5) * array.shape[axis] / shape[axis] - 0.5
    expected = np.stack([slices[int(np.floor(place + 0.5))] for place in places], axis=axis)
    result = resample(array[None], shape, separate_axis=axis)[0]
    np.testing.assert_allclose(result, expected, atol=1e-5)


def test_integers_of_any_layout_are_taken() -> None:
    array = np.asfortranarray(np.arange(-60, 60, dtype=np.int16).reshape(1, 4, 5, 6))
    expected = zoom(array[0].astype(float), (6, 5, 3), 3)
    np.testing.assert_allclose(resample(array, (6, 5, 3))[0], np.clip(expected, -60, 59), atol=1e-4)


def test_the_same_shape_changes_nothing() -> None:
    array = noise((1, 4, 5, 6))
    np.testing.assert_array_equal(resample(array, (4, 5, 6)), array)
    labels = np.random.default_rng(0).integers(0, 256, (2, 4, 5, 6)).astype(np.uint8)
    np.testing.assert_array_equal(resample_labels(labels, (4, 5, 6)), labels)


@pytest.mark.parametrize(("old", "new"), [((9, 14, 7), (13, 14, 5)), ((33, 40), (50, 21))])
def test_labels_are_those_of_the_largest_linear_share(
    old: tuple[int, ...], new: tuple[int, ...]
) -> None:
    labels = np.random.default_rng(1).integers(0, 4, old).astype(np.uint8)
    labels[labels == 3] = 255
    shares = np.stack([zoom((labels == value).astype(float), new, 1) for value in (0, 1, 2, 255)])
    result = resample_labels(labels[None], new)[0]
    clear = np.diff(np.sort(shares, axis=0)[-2:], axis=0)[0] > 1e-5
    expected = np.array([0, 1, 2, 255])[shares.argmax(axis=0)]
    assert clear.mean() > 0.9
    np.testing.assert_array_equal(result[clear], expected[clear])


def test_a_binary_mask_is_half_or_more_as_in_nnunet() -> None:
    mask = (ndimage.gaussian_filter(noise((12, 13, 14)), 1.5) > 0).astype(np.uint8)
    for shape in ((24, 13, 7), (9, 20, 14)):
        expected = resize(mask.astype(float), shape, order=1, mode="edge", anti_aliasing=False)
        result = resample_labels(mask[None], shape)[0]
        clear = np.abs(expected - 0.5) > 1e-6
        np.testing.assert_array_equal(result[clear], (expected >= 0.5)[clear])
    halves = resample_labels(np.array([[[0, 1]]], np.uint8), (1, 3))
    assert halves.tolist() == [[[0, 1, 1]]]  # what is half a structure belongs to it


def test_channels_of_labels_are_maps_of_their_own() -> None:
    labels = np.random.default_rng(1).integers(0, 2, (3, 6, 7, 8)).astype(np.uint8)
    together = resample_labels(labels, (5, 9, 8), separate_axis=2)
    alone = [resample_labels(labels[i : i + 1], (5, 9, 8), separate_axis=2)[0] for i in range(3)]
    np.testing.assert_array_equal(together, alone)


def test_probabilities_still_sum_to_one() -> None:
    raw = np.exp(noise((4, 6, 7, 8)))
    result = resample_probabilities(raw / raw.sum(axis=0), (9, 3, 16))
    np.testing.assert_allclose(result.sum(axis=0), 1, atol=1e-5)
    np.testing.assert_allclose(
        result[1], zoom((raw / raw.sum(axis=0))[1], (9, 3, 16), 1), atol=1e-5
    )


def test_a_matrix_keeps_what_is_constant_and_is_not_to_be_changed() -> None:
    matrix = axis_matrix(40, 23, 3)
    np.testing.assert_allclose(matrix.sum(axis=1), 1, atol=1e-5)
    assert not matrix.flags.writeable


def test_the_field_of_view_decides_the_shape() -> None:
    assert resampled_shape((10, 20, 3), (1.0, 0.5, 2.0), (2.0, 1.0, 30.0)) == (5, 10, 1)


@pytest.mark.parametrize("target", [(1.0, 2.0, 1.3), (0.7, 0.9, 3.0)])
def test_monai_spacing_by_default_keeps_the_first_voxel_in_place(
    target: tuple[float, ...],
) -> None:
    spacing, array = (1.5, 1.0, 2.0), noise((2, 10, 11, 9))
    image = MetaTensor(torch.from_numpy(array), affine=np.diag([*spacing, 1.0]))
    expected = Spacing(target, mode="bilinear", padding_mode="border")(image).numpy()
    result = resample_from_first_voxel(array, spacing, target)
    assert result.shape == expected.shape
    np.testing.assert_allclose(result, expected, atol=1e-5)


def test_monai_spacing_that_keeps_the_extent_is_ours_where_voxels_divide() -> None:
    array = noise((1, 10, 12, 9))
    image = MetaTensor(torch.from_numpy(array), affine=np.diag([1.5, 1.0, 2.0, 1.0]))
    options = {"mode": "bilinear", "padding_mode": "border", "scale_extent": True}
    expected = Spacing((1.0, 0.5, 1.0), **options)(image).numpy()
    np.testing.assert_allclose(resample(array, (15, 24, 18), order=1), expected, atol=1e-5)
