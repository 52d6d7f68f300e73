"""Volumes as the network is to see them: crop, intensities, spacing, and their hash."""

from typing import Any

import numpy as np
import pytest
from fakes import volume_files as fakes
from pydantic import ValidationError
from scipy import ndimage
from skimage.transform import resize

from datamodules.configs.volume_preprocessing import (
    CtWindow,
    RescaleRange,
    Rgb,
    VolumePreprocessing,
    ZScore,
)
from datamodules.errors import DataError
from datamodules.transforms.volume_geometry import VolumeGeometry, thick_axis
from datamodules.transforms.volume_preprocessing import (
    PreparedVolume,
    PreprocessVolume,
    fill_holes,
    normalise,
)
from datamodules.volume import Volume

ARRAY = fakes.voxels(2, 8, 7, 6).astype(np.float32)
VOLUME = Volume(ARRAY, np.diag([1.0, 1.5, 2.0, 1.0]))


def prepare(
    volume: Volume = VOLUME, mask: np.ndarray | None = None, **config: Any
) -> PreparedVolume:
    return PreprocessVolume(VolumePreprocessing(**config))(volume, mask)


def test_each_channel_is_standardised_then_resampled_with_cubic_splines() -> None:
    prepared = prepare(spacing_mm=(2.0, 1.0, 1.0))
    assert (prepared.image.dtype, prepared.image.shape) == (np.float32, (2, 4, 10, 12))
    for channel, result in zip(ARRAY, prepared.image, strict=True):
        standard = (channel - channel.mean()) / channel.std()
        expected = resize(standard, (4, 10, 12), order=3, mode="edge", anti_aliasing=False)
        np.testing.assert_allclose(result, expected, atol=1e-4)


def test_the_border_of_zeros_is_cut_where_all_channels_have_it() -> None:
    array = np.zeros((2, 9, 9, 9), np.float32)
    array[0, 2:5, 3:6, 4:7] = ARRAY[0, :3, :3, :3]
    array[1, 4:8, 3:6, 4:7] = ARRAY[1, :4, :3, :3]
    geometry = prepare(Volume(array, np.eye(4))).geometry
    assert (geometry.start, geometry.cropped) == ((2, 3, 4), (6, 3, 3))
    assert prepare(Volume(array, np.eye(4)), crop_to_nonzero=False).geometry.cropped == (9, 9, 9)


def test_an_empty_volume_is_not_cut() -> None:
    prepared = prepare(Volume(np.zeros((1, 4, 5, 6)), np.eye(4)))
    assert not prepared.image.any()
    assert prepared.image.shape == (1, 4, 5, 6)


def test_what_is_zero_outside_the_head_is_neither_measured_nor_changed() -> None:
    head = np.zeros((1, 12, 12, 12), np.float32)
    head[0, 2:10, 2:10, 2:10] = 5 + np.random.default_rng(0).random((8, 8, 8))
    head[0, 4:6, 4:6, 4:6] = 0  # a hole within belongs to it
    head[0, 2, 2] = 0
    inside = ndimage.binary_fill_holes(head[0])
    values = head[0][inside]
    result = prepare(Volume(head, np.eye(4)), normalisation=ZScore(over_nonzero=True))
    np.testing.assert_allclose(
        result.image[0][inside[2:10, 2:10, 2:10]],
        (values - values.mean()) / values.std(),
        atol=1e-4,
    )
    assert not result.image[0][~inside[2:10, 2:10, 2:10]].any()


@pytest.mark.parametrize("seed", range(3))
def test_holes_are_those_of_scipy(seed: int) -> None:
    mask = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=(20, 20, 20)), 1) > 0.02
    np.testing.assert_array_equal(fill_holes(mask), ndimage.binary_fill_holes(mask))
    np.testing.assert_array_equal(fill_holes(mask[9]), ndimage.binary_fill_holes(mask[9]))


def test_hounsfield_units_are_clipped_then_standardised() -> None:
    values = np.array([[-1000, -100, 0, 300, 3000]], np.int16)
    how = CtWindow(low=-100, high=300, mean=50, std=25)
    np.testing.assert_allclose(normalise(values, how), [[-6, -6, -2, 10, 10]])


def test_ranges_of_channels_and_colours() -> None:
    values = np.array([[2, 4, 6], [10, 10, 10]], np.uint8)
    np.testing.assert_allclose(normalise(values, RescaleRange()), [[0, 0.5, 1], [0, 0, 0]])
    np.testing.assert_allclose(normalise(np.array([[0, 51, 255]], np.uint8), Rgb()), [[0, 0.2, 1]])
    np.testing.assert_allclose(normalise(np.array([[0, 65535]], np.uint16), Rgb()), [[0, 1]])


def test_constant_images_become_0() -> None:
    assert not normalise(np.full((1, 3, 3), 7.0), ZScore()).any()


def test_masks_follow_their_image() -> None:
    mask = (ARRAY[:1] > 0).astype(np.uint8)
    same = prepare(VOLUME, mask, crop_to_nonzero=False)
    np.testing.assert_array_equal(same.mask, mask)
    turned = Volume(ARRAY, np.diag([-1.0, 1.5, -2.0, 1.0]))
    np.testing.assert_array_equal(prepare(turned, mask).mask, mask[:, ::-1, :, ::-1])
    assert prepare(VOLUME, mask, spacing_mm=(2, 3, 4)).mask.shape == (1, 4, 4, 3)


def test_thick_slices_are_not_blended() -> None:
    thick = Volume(ARRAY, np.diag([1.0, 1.0, 5.0, 1.0]))
    prepared = prepare(thick, spacing_mm=(1.0, 1.0, 2.5))
    assert prepared.geometry.separate_axis == 2
    np.testing.assert_array_equal(prepared.image[..., ::2], prepared.image[..., 1::2])


@pytest.mark.parametrize(
    ("spacing", "target", "axis"),
    [
        ((1, 1, 3), (1, 1, 1), None),
        ((1, 1, 3.1), (1, 1, 1), 2),
        ((1, 1, 1), (4, 1, 1), 0),
        ((1, 4, 4), (1, 1, 1), None),  # two thick axes: nnU-Net blends all
        ((1, 9), (1, 1), None),
    ],
)
def test_the_thick_axis_is_nnunets(spacing: Any, target: Any, axis: int | None) -> None:
    assert thick_axis(spacing, target) == axis


def test_a_2d_image_stays_as_it_is() -> None:
    colours = np.abs(fakes.voxels(3, 8, 9)).astype(np.uint8)
    image = Volume(colours, np.eye(4), has_spacing=False)
    np.testing.assert_allclose(prepare(image, normalisation=Rgb()).image, colours / 255, atol=1e-6)
    assert prepare(image, spacing_mm=(2, 3)).image.shape == (3, 4, 3)


def test_the_hash_is_of_the_voxels_not_of_their_place() -> None:
    hashes = {prepare(VOLUME).content_hash, prepare(Volume(ARRAY, np.eye(4))).content_hash}
    assert len(hashes) == 1
    assert len(hashes.pop()) == 16
    other = ARRAY.copy()
    other[1, 2, 3, 4] += 1
    assert prepare(Volume(other, np.eye(4))).content_hash != prepare(VOLUME).content_hash


def test_bad_volumes_are_refused() -> None:
    holed = ARRAY.copy()
    holed[0, 0, 0, :2] = np.nan
    with pytest.raises(DataError, match="2 voxels are NaN or infinite"):
        prepare(Volume(holed, np.eye(4)))
    with pytest.raises(DataError, match="mask has 8 x 7 x 5 voxels and the image 8 x 7 x 6"):
        prepare(VOLUME, np.zeros((1, 8, 7, 5), np.uint8))
    with pytest.raises(DataError, match="3 axes, and the spacing asked for has 2"):
        prepare(VOLUME, spacing_mm=(1.0, 1.0))


@pytest.mark.parametrize(
    "values",
    [
        {"spacing_mm": [1.0]},
        {"spacing_mm": [1.0, 0.0]},
        {"order": 2},
        {"normalisation": {"kind": "ct", "low": 5, "high": 1}},
        {"normalisation": {"kind": "ct", "std": 0}},
        {"normalisation": {"kind": "other"}},
    ],
)
def test_settings_have_bounds(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        VolumePreprocessing.model_validate(values)


def test_a_geometry_survives_json() -> None:
    import json

    geometry = prepare(VOLUME, spacing_mm=(2, 2, 2)).geometry
    assert VolumeGeometry.from_dict(json.loads(json.dumps(geometry.to_dict()))) == geometry
    np.testing.assert_allclose(geometry.spacing, np.array([8, 10.5, 12]) / geometry.resampled)
