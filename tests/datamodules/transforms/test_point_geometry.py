"""Landmarks that move with the picture."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from datamodules.configs.volume_augmentation import VolumeAugmentation
from datamodules.transforms.point_geometry import change_points, is_mirrored, mask_outside
from datamodules.transforms.volume_augmentation import augment_images
from datamodules.transforms.volume_geometry import VolumeGeometry
from datamodules.transforms.volume_parameters import draw_parameters, source_window
from datamodules.volume import Volume
from datamodules.windows import read_window

MOVES = VolumeAugmentation(
    rotation_probability=1, rotation_degrees=40, scale_probability=1, mirror=(1,),
    noise_probability=0, blur_probability=0, brightness_probability=0, contrast_probability=0,
    low_resolution_probability=0, gamma_probability=0, inverted_gamma_probability=0,
)  # fmt: skip


def blob(shape: tuple[int, ...], place: np.ndarray, sigma: float = 2.0) -> np.ndarray:
    """A Gaussian about a place in continuous coordinates, ``(1, *shape)``."""
    grid = np.stack(np.meshgrid(*(np.arange(side) + 0.5 for side in shape), indexing="ij"), -1)
    found = np.exp(-((grid - place) ** 2).sum(-1) / (2 * sigma**2))[None]
    return found.astype(np.float32)


def middle_of(image: np.ndarray) -> np.ndarray:
    """Its centre of mass, in continuous coordinates."""
    grid = np.meshgrid(*(np.arange(side) + 0.5 for side in image.shape), indexing="ij")
    return np.array([(axis * image).sum() / image.sum() for axis in grid])


@pytest.mark.parametrize("shape", [(60, 50), (40, 36, 30)])
@settings(max_examples=15, deadline=None)
@given(draw=st.integers(0, 10_000))
def test_a_landmark_stays_on_what_it_marks_under_every_change(
    shape: tuple[int, ...], draw: int
) -> None:
    spacing = (1.0, 1.5, 1.0)[: len(shape)]
    parameters = draw_parameters(MOVES, 3, [(0, draw)], shape, spacing)
    place = np.asarray(shape) * 0.5 + np.random.default_rng(draw).uniform(-5, 5, len(shape))
    patch = np.asarray(shape)
    size = source_window(parameters, shape)[0]
    start = np.zeros(len(shape), np.int64)
    window = read_window(blob(shape, place), start - (size - patch) // 2, size, fill=0)

    changed = augment_images([torch.from_numpy(window)], parameters, shape)[0, 0].numpy()
    moved = change_points(place[None].astype(np.float32), parameters.matrix[0], start, shape)[0]

    assert np.abs(middle_of(changed) - moved).max() < 0.25


def test_a_mirror_image_is_known_by_its_matrix() -> None:
    matrices = draw_parameters(MOVES, 0, [(0, n) for n in range(40)], (30, 30), (1, 1)).matrix
    mirrored = [is_mirrored(matrix) for matrix in matrices]
    assert 8 < sum(mirrored) < 32
    assert is_mirrored(np.diag([1.0, -1.0]))
    assert not is_mirrored(np.diag([-1.0, -1.0]))


def test_what_is_not_marked_stays_so() -> None:
    points = np.array([[np.nan, np.nan], [3, 4]], np.float32)
    moved = change_points(points, np.diag([1.0, -1.0]), (0, 0), (10, 10))
    assert np.isnan(moved[0]).all()
    assert moved[1].tolist() == [3, 6]


def test_landmarks_outside_of_an_image_are_masked() -> None:
    points = np.array([[-0.1, 5], [0, 10], [5, 10.1], [5, 5]], np.float32)
    assert np.isnan(mask_outside(points, (10, 10))).any(axis=1).tolist() == [
        True,
        False,
        True,
        False,
    ]


def test_points_come_back_from_the_prepared_grid() -> None:
    affine = np.array([[0, 0, 2.0, -7], [-1.5, 0, 0, 30], [0, 1.0, 0, 4], [0, 0, 0, 1.0]])
    geometry = VolumeGeometry.of(Volume(np.zeros((1, 20, 24, 16), np.uint8), affine, True))
    points = np.array([[0, 0, 0], [20, 24, 16], [3.25, 7.5, 11]], np.float32)
    prepared = geometry.prepare_points(points)
    assert prepared[0].tolist() == [0, 20, 0]  # RAS: file axes 2, 0 (against it), 1
    assert geometry.restore_points(prepared).tolist() == points.tolist()
