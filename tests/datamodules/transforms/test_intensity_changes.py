"""Changes of grey values against scipy, MONAI and values worked by hand."""

import numpy as np
import pytest
import torch
from monai.transforms import AdjustContrast
from scipy.ndimage import gaussian_filter1d
from torch import Tensor

from datamodules.transforms.intensity_changes import (
    blur,
    change_gamma,
    gaussian_kernel,
    lower_resolution,
    noise_like,
    stretch_contrast,
)


def grey(*shape: int) -> Tensor:
    return torch.from_numpy(np.random.default_rng(0).gamma(2.0, size=shape).astype(np.float32))


@pytest.mark.parametrize("shape", [(12, 15, 9), (20, 17)])
def test_a_blur_is_scipys(shape: tuple[int, ...]) -> None:
    image, sigma = grey(*shape), [0.5, 0.8, 1.0][: len(shape)]
    expected = image.double().numpy()
    for axis, width in enumerate(sigma):
        radius = len(gaussian_kernel(width)) // 2
        expected = gaussian_filter1d(expected, width, axis, radius=radius, mode="mirror")
    np.testing.assert_allclose(blur(image, sigma), expected, rtol=1e-5)


def test_the_kernel_is_as_wide_as_batchgenerators() -> None:
    widths = [len(gaussian_kernel(sigma)) for sigma in (0.5, 0.6, 0.75, 0.9, 1.0)]
    assert widths == [3, 5, 5, 5, 7]


def test_an_axis_too_short_for_the_kernel_is_not_blurred() -> None:
    image = grey(2, 30)
    blurred = blur(image, [1.0, 0.0])
    torch.testing.assert_close(blurred, image)


def test_contrast_is_stretched_about_the_mean_within_the_range() -> None:
    image = torch.tensor([[0.0, 2.0], [4.0, 10.0]])  # mean 4
    expected = torch.tensor([[0.0, 1.0], [4.0, 10.0]])  # -2 and 13 are clamped
    torch.testing.assert_close(stretch_contrast(image, 1.5), expected)
    torch.testing.assert_close(stretch_contrast(image, 0.5), image * 0.5 + 2)


@pytest.mark.parametrize("inverted", [False, True])
@pytest.mark.parametrize("gamma", [0.7, 1.4])
def test_gamma_is_monais(gamma: float, inverted: bool) -> None:
    image = grey(10, 11, 12)
    reference = AdjustContrast(gamma=gamma, invert_image=inverted, retain_stats=True)
    expected = torch.as_tensor(np.asarray(reference(image)))
    torch.testing.assert_close(
        change_gamma(image, gamma, inverted=inverted), expected, atol=1e-3, rtol=1e-3
    )


def test_gamma_keeps_mean_and_deviation() -> None:
    image = grey(30, 31)
    changed = change_gamma(image, 1.5)
    assert float(changed.mean()) == pytest.approx(float(image.mean()), abs=1e-5)
    assert float(changed.std()) == pytest.approx(float(image.std()), abs=1e-5)
    assert not torch.allclose(changed, image, atol=0.05)


def test_a_constant_image_stays_finite() -> None:
    image = torch.full((8, 8, 8), 3.0)
    for changed in (
        change_gamma(image, 1.3),
        change_gamma(image, 1.3, inverted=True),
        stretch_contrast(image, 1.2),
        blur(image, [1.0, 1.0, 1.0]),
    ):
        torch.testing.assert_close(changed, image)


def test_a_lower_resolution_takes_the_nearest_voxels_and_interpolates_between() -> None:
    image = torch.tensor([[0.0, 1.0, 2.0, 3.0]] * 4)
    expected = torch.tensor([[1.0, 1.5, 2.5, 3.0]] * 4)  # voxels 1 and 3 are left
    torch.testing.assert_close(lower_resolution(image, [1.0, 0.5]), expected)


def test_a_lower_resolution_keeps_the_shape() -> None:
    assert lower_resolution(grey(9, 10, 3), [0.55, 0.6, 0.05]).shape == (9, 10, 3)


def test_noise_is_standard_normal_and_a_function_of_its_key() -> None:
    image = torch.empty(40, 41, 42)
    noise = noise_like(image, 5)
    assert abs(float(noise.mean())) < 0.02
    assert float(noise.std()) == pytest.approx(1, abs=0.02)
    assert torch.equal(noise, noise_like(image, 5))
    assert not torch.equal(noise, noise_like(image, 6))


def test_images_are_left_as_they_are() -> None:
    image = grey(12, 13)
    before = image.clone()
    blur(image, [1.0, 1.0])
    stretch_contrast(image, 1.2)
    lower_resolution(image, [0.5, 0.5])
    change_gamma(image, 0.8)
    change_gamma(image, 0.8, inverted=True)
    assert torch.equal(image, before)
