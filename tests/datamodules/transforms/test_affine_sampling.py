"""Sampling images and masks at linearly mapped positions, against scipy and numpy."""

import numpy as np
import pytest
import torch
from scipy.ndimage import affine_transform
from torch import Tensor

from datamodules.configs.volume_augmentation import LIGHT
from datamodules.transforms.affine_sampling import sample_affine
from datamodules.transforms.volume_parameters import draw_parameters, source_window

MOVED = LIGHT.replace(rotation_probability=1, scale_probability=1)
SCALED = MOVED.replace(rotation_probability=0)
CASES = [
    ((24, 30, 21), (1.0, 1.0, 1.0)),
    ((24, 30, 21), (1.0, 2.0, 1.5)),
    ((32, 8, 25), (1.0, 5.0, 1.0)),
    ((6, 32, 25), (5.0, 1.0, 1.0)),
    ((41, 36), (1.0, 1.0)),
    ((60, 31), (1.0, 1.0)),
]

LABELS = (0, 1, 2, 255)


def windows(shape: tuple[int, ...], channels: int = 1) -> tuple[Tensor, Tensor]:
    random = np.random.default_rng(0)
    image = random.standard_normal((channels, *shape), dtype=np.float32)
    mask = random.integers(0, 4, (1, *shape), dtype=np.uint8)
    mask[mask == 3] = 255
    return torch.from_numpy(image), torch.from_numpy(mask)


@pytest.mark.parametrize("config", [MOVED, SCALED], ids=["rotated", "scaled"])
@pytest.mark.parametrize(("patch", "spacing"), CASES)
def test_positions_and_weights_are_scipys(
    config: object, patch: tuple[int, ...], spacing: tuple[float, ...]
) -> None:
    drawn = draw_parameters(config, 0, [(0, draw) for draw in range(4)], patch, spacing)
    for matrix, window in zip(drawn.matrix, source_window(drawn, patch), strict=True):
        image, mask = windows(tuple(window.tolist()), channels=2)
        offset = (window - 1) / 2 - matrix @ ((np.array(patch) - 1) / 2)
        sampled, labels = sample_affine(image, mask, matrix, patch)
        for channel in range(2):
            expected = affine_transform(
                image[channel].numpy(), matrix, offset, patch, order=1, mode="nearest"
            )
            np.testing.assert_allclose(sampled[channel], expected, atol=2e-3)
        scores = [
            affine_transform((mask[0] == label).double().numpy(), matrix, offset, patch, order=1)
            for label in LABELS
        ]
        best, second = np.sort(scores, 0)[[-1, -2]]
        agreed = labels[0].numpy() == np.array(LABELS)[np.argmax(scores, 0)]
        assert agreed[best > second + 1e-3].all()


@pytest.mark.parametrize("axes", [(0,), (2,), (0, 1), (0, 1, 2)])
def test_a_flip_is_exactly_numpys(axes: tuple[int, ...]) -> None:
    image, mask = windows((5, 6, 7))
    matrix = np.diag([-1.0 if axis in axes else 1.0 for axis in range(3)])
    flipped, labels = sample_affine(image, mask, matrix, (5, 6, 7))
    np.testing.assert_array_equal(flipped[0], np.flip(image[0].numpy(), axes))
    np.testing.assert_array_equal(labels[0], np.flip(mask[0].numpy(), axes))


def test_a_quarter_turn_is_exactly_numpys() -> None:
    image, mask = windows((22, 22))
    turned, labels = sample_affine(image, mask, np.array([[0.0, 1.0], [-1.0, 0.0]]), (20, 20))
    np.testing.assert_array_equal(turned[0], np.rot90(image[0, 1:-1, 1:-1].numpy()))
    np.testing.assert_array_equal(labels[0], np.rot90(mask[0, 1:-1, 1:-1].numpy()))


def test_a_flip_is_folded_into_a_rotation() -> None:
    drawn = draw_parameters(MOVED.replace(mirror=()), 0, [(0, 1)], (20, 22, 24), (1.0, 1.0, 1.0))
    window = tuple(source_window(drawn, (20, 22, 24))[0].tolist())
    image, mask = windows(window)
    plain, labels = sample_affine(image, mask, drawn.matrix[0], (20, 22, 24))
    mirrored = sample_affine(image, mask, drawn.matrix[0] @ np.diag([1, -1, 1]), (20, 22, 24))
    np.testing.assert_allclose(mirrored[0], plain.flip(2), atol=1e-4)
    assert (mirrored[1] == labels.flip(2)).float().mean() > 0.999


def test_no_label_is_made_up_and_unknown_stays_unknown() -> None:
    drawn = draw_parameters(MOVED, 3, [(0, 1)], (20, 20, 20), (1.0, 1.0, 1.0))
    image, mask = windows(tuple(source_window(drawn, (20, 20, 20))[0].tolist()))
    _, labels = sample_affine(image, mask, drawn.matrix[0], (20, 20, 20))
    assert labels.dtype == torch.uint8
    assert labels.unique().tolist() == list(LABELS)


@pytest.mark.parametrize(("patch", "spacing"), CASES)
def test_image_and_mask_stay_aligned(patch: tuple[int, ...], spacing: tuple[float, ...]) -> None:
    drawn = draw_parameters(MOVED, 5, [(0, draw) for draw in range(3)], patch, spacing)
    for matrix, window in zip(drawn.matrix, source_window(drawn, patch), strict=True):
        axes = np.ogrid[tuple(slice(size) for size in window)]
        places = [(x / s - 0.45) ** 2 for x, s in zip(axes, window, strict=True)]
        shape = torch.from_numpy(sum(places) < 0.09)[None]
        image, mask = sample_affine(shape.float(), shape.to(torch.uint8), matrix, patch)
        inside, found = image > 0.5, mask > 0
        assert found.any()
        dice = 2 * (inside & found).sum() / (inside.sum() + found.sum())
        assert dice > 0.95
