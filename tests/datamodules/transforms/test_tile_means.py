"""Means over tiles are those of the pixels beneath them."""

import numpy as np
import pytest

from datamodules.transforms.tile_means import tile_means

IMAGE = np.random.default_rng(0).random((30, 40))


def test_tiles_of_whole_pixels_are_plain_means() -> None:
    found = tile_means(IMAGE, (40, 30), np.arange(0, 40, 10), np.arange(0, 30, 10), 10)
    np.testing.assert_allclose(found, IMAGE.reshape(3, 10, 4, 10).mean(axis=(1, 3)))


def test_fractions_of_pixels_count_by_their_area() -> None:
    image = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    found = tile_means(image, (30, 20), np.array([5]), np.array([2]), 10)
    assert found == pytest.approx(0.5 * 0.8)


def test_beyond_the_image_there_is_nothing() -> None:
    found = tile_means(np.ones((4, 4)), (4, 4), np.array([-1, 3, 9]), np.array([2]), 2)
    np.testing.assert_allclose(found, [[0.5, 0.5, 0.0]])
