"""Preprocessing: grey range, size and shape; and the way back to the original film."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from skimage.measure import block_reduce
from skimage.transform import resize as skimage_resize

from datamodules.configs.xrays import XrayPreprocessing
from datamodules.errors import DataError
from datamodules.transforms.xray_geometry import Geometry, restore
from datamodules.transforms.xray_pixels import XrayPixels
from datamodules.transforms.xray_preprocessing import PreprocessXray, normalise

RNG = np.random.default_rng(0)
sizes = st.integers(1, 300)
geometries = st.builds(
    lambda height, width, size, how: Geometry.fit((height, width), size, how),
    sizes,
    sizes,
    st.integers(8, 64),
    st.sampled_from(["pad", "stretch", "crop"]),
)


def film(pixels: np.ndarray, low: float = 0, high: float = 255) -> XrayPixels:
    return XrayPixels(pixels, low, high, bits=8)


def prepare(
    pixels: np.ndarray, low: float = 0, high: float = 255, **settings: object
) -> np.ndarray:
    config = XrayPreprocessing.model_validate({"size": 8, **settings})
    return PreprocessXray(config)(film(pixels, low, high)).image


def test_a_film_of_the_right_size_is_kept_exactly() -> None:
    pixels = RNG.integers(0, 256, (8, 8), dtype=np.uint8)
    for fit in ("pad", "stretch", "crop"):
        np.testing.assert_array_equal(prepare(pixels, fit=fit), pixels)


def test_the_declared_range_becomes_black_and_white() -> None:
    pixels = np.full((8, 8), 1000, np.uint16)
    pixels[0, :4] = [0, 500, 3000, 65535]
    grey = prepare(pixels, low=500, high=3000)
    assert grey[0, :5].tolist() == [0, 0, 255, 255, 51]


def test_percentiles_of_the_film_replace_the_declared_range() -> None:
    pixels = RNG.normal(500, 100, (8, 8)).astype(np.float32)
    low, high = np.percentile(pixels, [5, 95])
    expected = np.rint(255 * np.clip((pixels - low) / (high - low), 0, 1))
    np.testing.assert_allclose(prepare(pixels, clip_percentiles=(5, 95)), expected, atol=1)
    assert (prepare(pixels, clip_percentiles=(5, 95)) == expected).mean() > 0.9


@pytest.mark.parametrize("clip_percentiles", [(0, 100), (1, 99)])
def test_a_constant_film_and_an_empty_range_become_black(clip_percentiles: object) -> None:
    pixels = np.full((9, 5), 7, np.float32)
    assert not prepare(pixels, low=7, high=7, clip_percentiles=clip_percentiles).any()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_pixels_that_are_no_numbers_are_an_error(value: float) -> None:
    pixels = np.zeros((8, 8), np.float32)
    pixels[3, 4] = value
    with pytest.raises(DataError, match="1 pixels are NaN or infinite"):
        prepare(pixels)


def test_shrinking_averages() -> None:
    pixels = RNG.integers(0, 256, (24, 24), dtype=np.uint8)
    expected = block_reduce(pixels.astype(float), (3, 3), np.mean)
    np.testing.assert_allclose(prepare(pixels), expected, atol=0.5 + 1e-4)


def test_enlarging_is_linear() -> None:
    pixels = RNG.integers(0, 256, (4, 4), dtype=np.uint8)
    expected = skimage_resize(pixels.astype(float), (8, 8), order=1, mode="edge")
    np.testing.assert_allclose(prepare(pixels), expected, atol=0.5 + 1e-4)


def test_stretching_averages_the_axis_that_shrinks_and_enlarges_the_other() -> None:
    rows = np.repeat(RNG.integers(0, 256, (4, 1)), 32, axis=1).astype(np.uint8)
    noise = np.tile([0, 255], (4, 16)).astype(np.uint8)
    assert np.ptp(prepare(rows, fit="stretch"), axis=1).max() == 0
    assert np.isin(prepare(noise, fit="stretch"), [127, 128]).all()


def test_16_bits_are_averaged_before_they_are_rounded() -> None:
    pixels = np.tile(np.array([[0, 257]], np.uint16), (16, 8))
    assert (prepare(pixels, low=0, high=65535 / 64) == 32).all()  # 128.5 / 257 * 64


def test_padding_is_black_and_centred() -> None:
    grey = prepare(np.full((4, 8), 255, np.uint8), fit="pad")
    assert (grey[2:6] == 255).all()
    assert grey.sum() == 255 * 32


def test_cropping_keeps_the_centre() -> None:
    pixels = np.tile(np.arange(16, dtype=np.uint8), (8, 1))
    np.testing.assert_array_equal(prepare(pixels, fit="crop"), pixels[:, 4:12])


@pytest.mark.parametrize("fit", ["pad", "crop", "stretch"])
@pytest.mark.parametrize("shape", [(1, 5000), (5000, 1), (1, 1)])
def test_extreme_shapes(shape: tuple[int, int], fit: str) -> None:
    grey = prepare(np.full(shape, 255, np.uint8), fit=fit)
    assert grey.shape == (8, 8)
    assert grey.max() == 255


@given(geometries, st.floats(-10, 400), st.floats(-10, 400))
def test_points_go_there_and_back(geometry: Geometry, x: float, y: float) -> None:
    there = geometry.to_prepared([[x, y]])
    np.testing.assert_allclose(geometry.to_original(there), [[x, y]], atol=1e-6)


@given(geometries)
def test_geometry_survives_as_plain_numbers(geometry: Geometry) -> None:
    floats = {name: float(value) for name, value in geometry.to_dict().items()}
    assert Geometry.from_dict(floats) == geometry


@given(geometries)
def test_edges_of_the_film_become_edges_of_its_rectangle(geometry: Geometry) -> None:
    bottom, right = geometry.top + geometry.rows, geometry.left + geometry.columns
    corners = geometry.to_prepared(
        [[geometry.left - 0.5, geometry.top - 0.5], [right - 0.5, bottom - 0.5]]
    )
    rows, columns = geometry.target
    expected = [[columns.start - 0.5, rows.start - 0.5], [columns.stop - 0.5, rows.stop - 0.5]]
    np.testing.assert_allclose(corners, expected)


@pytest.mark.parametrize("fit", ["pad", "crop", "stretch"])
@pytest.mark.parametrize("shape", [(90, 60), (60, 90), (31, 17)])
def test_a_spot_is_where_its_point_says(shape: tuple[int, int], fit: str) -> None:
    y, x = np.mgrid[: shape[0], : shape[1]]
    spot = np.array([shape[1] * 0.45, shape[0] * 0.55])
    pixels = 255 * np.exp(-((x - spot[0]) ** 2 + (y - spot[1]) ** 2) / (0.02 * shape[0] * shape[1]))
    config = XrayPreprocessing(size=48, fit=fit)
    prepared = PreprocessXray(config)(film(pixels.astype(np.float32)))
    rows, columns = np.mgrid[:48, :48]
    weights = np.where(prepared.image > 25, prepared.image, 0) / 1.0
    centre = [np.average(columns, weights=weights), np.average(rows, weights=weights)]
    np.testing.assert_allclose(centre, prepared.geometry.to_prepared([spot])[0], atol=0.1)


@pytest.mark.parametrize("fit", ["pad", "crop", "stretch"])
def test_a_map_is_restored_onto_the_original(fit: str) -> None:
    geometry = Geometry.fit((90, 60), 48, fit)
    columns = np.tile(np.arange(48, dtype=np.float32), (48, 1))
    restored = restore(columns, geometry)
    assert restored.shape == (90, 60)
    assert restored.dtype == np.float32
    rows, inside = geometry.source
    x = np.arange(inside.start + 3, inside.stop - 3)
    expected = geometry.to_prepared(np.column_stack([x, x]))[:, 0]
    np.testing.assert_allclose(restored[rows.start + 5, x], expected, atol=1e-3)
    assert not restored[: rows.start].any()
    assert not restored[rows.stop :].any()


def test_restoring_the_same_size_is_exact() -> None:
    values = RNG.random((16, 16), dtype=np.float32)
    np.testing.assert_array_equal(restore(values, Geometry.fit((16, 16), 16, "pad")), values)


@pytest.mark.parametrize("kind", ["tensor", "array"])
def test_normalising_subtracts_the_mean_and_divides(kind: str) -> None:
    grey = np.array([[0, 128, 255]], np.uint8)
    config = XrayPreprocessing(mean=0.4, std=0.2)
    images = torch.from_numpy(grey) if kind == "tensor" else grey
    normalised = normalise(images, config)
    assert normalised.dtype in (torch.float32, np.float32)
    np.testing.assert_allclose(normalised, (grey / 255 - 0.4) / 0.2, rtol=1e-6, atol=1e-6)
    assert images.tolist() == [[0, 128, 255]]
