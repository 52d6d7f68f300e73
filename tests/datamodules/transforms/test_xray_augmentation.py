"""Augmentation: replayable, within its bounds, and what MONAI and torchvision make of the same."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from monai.transforms import AdjustContrast, Affine
from scipy.stats import chi2, kstest, norm
from torchvision.transforms.functional import adjust_contrast

from datamodules.configs.xrays import XrayAugmentation
from datamodules.transforms.draw_generator import generator
from datamodules.transforms.xray_augmentation import (
    AugmentationParameters,
    AugmentXray,
    apply_parameters,
    draw_parameters,
    warp_matrix,
)

STRONG = XrayAugmentation(
    rotation_degrees=45, translation=0.2, scale=0.3, horizontal_flip=0.5, brightness=0.2,
    contrast=0.4, gamma=0.5, noise=0.1, erase=0.5,
)  # fmt: skip
NOTHING = XrayAugmentation(
    rotation_degrees=0, translation=0, scale=0, brightness=0, contrast=0, gamma=0, noise=0
)
PLAIN = AugmentationParameters()
keys = st.tuples(st.integers(0, 2**63), st.integers(0, 10_000), st.integers(0, 2**40))


def smooth(rows: int = 96, columns: int = 80) -> np.ndarray:
    y, x = np.mgrid[:rows, :columns]
    waves = 127 + 60 * np.sin(x / 9) + 60 * np.cos(y / 7 + x / 23)
    return np.rint(waves).astype(np.uint8)


def test_the_same_key_gives_the_same_bytes() -> None:
    first, again = (AugmentXray(STRONG)(smooth(), 1, 2, 3) for _ in range(2))
    assert first.dtype == np.uint8
    assert first.tobytes() == again.tobytes()


def test_seed_epoch_and_draw_each_change_the_film() -> None:
    films = {AugmentXray(STRONG)(smooth(), *key).tobytes() for key in np.ndindex(2, 2, 2)}
    assert len(films) == 8


def test_keys_are_not_mixed_up() -> None:
    draws = {generator(*key).random() for key in [(1, 2, 3), (1, 3, 2), (2, 1, 3), (3, 2, 1)]}
    assert len(draws) == 4


def test_what_is_drawn_does_not_depend_on_what_was_drawn_before() -> None:
    augment = AugmentXray(STRONG)
    later = [augment(smooth(), 0, 0, draw) for draw in range(5)][4]
    np.testing.assert_array_equal(later, AugmentXray(STRONG)(smooth(), 0, 0, 4))


def test_a_setting_of_zero_changes_nothing_and_copies() -> None:
    film = smooth()
    for draw in range(5):
        result = AugmentXray(NOTHING)(film, 0, 0, draw)
        np.testing.assert_array_equal(result, film)
        assert not np.shares_memory(result, film)


def test_the_film_itself_is_left_alone() -> None:
    film = smooth()
    film.flags.writeable = False  # as in the memory map
    for draw in range(20):
        AugmentXray(STRONG)(film, 0, 0, draw)
    np.testing.assert_array_equal(film, smooth())


@given(keys)
def test_parameters_stay_within_their_ranges(key: tuple[int, int, int]) -> None:
    drawn = draw_parameters(STRONG, generator(*key))
    assert abs(drawn.rotation_degrees) <= 45
    assert max(abs(share) for share in drawn.shift) <= 0.2
    assert 0.7 <= drawn.zoom <= 1.3
    assert abs(drawn.brightness) <= 0.2
    assert 0.6 <= drawn.contrast <= 1.4
    assert 1 / 1.5 <= drawn.gamma <= 1.5
    assert 0 <= drawn.noise <= 0.1
    if drawn.erased is not None:
        top, left, height, width = drawn.erased
        assert 0.02 - 1e-9 <= height * width <= 0.2 + 1e-9
        assert min(top, left) >= 0
        assert max(top + height, left + width) <= 1


def test_draws_are_spread_as_the_settings_say() -> None:
    drawn = [draw_parameters(STRONG, generator(0, 0, draw)) for draw in range(2000)]
    uniform = [(parameters.rotation_degrees + 45) / 90 for parameters in drawn]
    log_uniform = [(np.log(p.gamma) / np.log(1.5) + 1) / 2 for p in drawn]
    assert min(kstest(values, "uniform").pvalue for values in (uniform, log_uniform)) > 0.01
    assert 0.46 < np.mean([p.flip for p in drawn]) < 0.54
    assert 0.46 < np.mean([p.erased is not None for p in drawn]) < 0.54


def test_one_setting_does_not_alter_what_another_draws() -> None:
    with_flips = draw_parameters(STRONG.replace(horizontal_flip=1.0, erase=0.0), generator(0, 0, 0))
    without = draw_parameters(STRONG.replace(horizontal_flip=0.0, erase=0.0), generator(0, 0, 0))
    assert replace(with_flips, flip=False) == without


def test_a_flip_is_exactly_numpys() -> None:
    film = smooth(33, 50)
    flipped = apply_parameters(film, replace(PLAIN, flip=True))
    np.testing.assert_array_equal(flipped, np.fliplr(film))


def test_a_quarter_turn_is_exactly_numpys() -> None:
    film = smooth(40, 40)
    turned = apply_parameters(film, replace(PLAIN, rotation_degrees=90))
    np.testing.assert_array_equal(turned, np.rot90(film))


def test_a_shift_goes_down_and_to_the_right_and_the_edge_goes_on() -> None:
    film = smooth(40, 50)
    shifted = apply_parameters(film, replace(PLAIN, shift=(0.1, 0.2)))
    np.testing.assert_array_equal(shifted[4:, 10:], film[:-4, :-10])
    np.testing.assert_array_equal(shifted[:4, 10:], np.tile(film[0, :-10], (4, 1)))
    np.testing.assert_array_equal(shifted[4:, :10], np.tile(film[:-4, :1], (1, 10)))


@pytest.mark.parametrize(
    "parameters",
    [
        replace(PLAIN, rotation_degrees=17),
        replace(PLAIN, zoom=1.2),
        replace(PLAIN, shift=(0.05, -0.03)),
        replace(PLAIN, rotation_degrees=-30, zoom=0.9, shift=(-0.04, 0.02)),
    ],
)
def test_the_warp_agrees_with_monai(parameters: AugmentationParameters) -> None:
    """MONAI takes the inverse map about the centre; agreement to one grey level in the interior."""
    film = smooth()
    rows, columns = film.shape
    matrix = np.vstack([warp_matrix(parameters, rows, columns), [0, 0, 1]])
    centre = np.array([[1, 0, (columns - 1) / 2], [0, 1, (rows - 1) / 2], [0, 0, 1]])
    inverse = np.linalg.inv(centre) @ np.linalg.inv(matrix) @ centre
    affine = inverse[np.ix_([1, 0, 2], [1, 0, 2])]  # (x, y) to (row, column)
    transform = Affine(affine=affine, image_only=True, mode="bilinear", padding_mode="zeros")
    expected = np.asarray(transform(torch.from_numpy(film[None]).float()))[0]
    interior = (slice(25, -25), slice(25, -25))
    actual = apply_parameters(film, parameters).astype(float)
    np.testing.assert_allclose(actual[interior], expected[interior], atol=1)


def test_rotation_and_zoom_agree_with_monai_by_their_own_names() -> None:
    film = smooth()
    transform = Affine(  # MONAI's angle is clockwise, and its scale that of the grid
        rotate_params=np.radians(-20), scale_params=(1 / 1.1, 1 / 1.1), image_only=True,
        padding_mode="zeros",
    )  # fmt: skip
    expected = np.asarray(transform(torch.from_numpy(film[None]).float()))[0]
    actual = apply_parameters(film, replace(PLAIN, rotation_degrees=20, zoom=1.1)).astype(float)
    np.testing.assert_allclose(actual[25:-25, 25:-25], expected[25:-25, 25:-25], atol=1)


@pytest.mark.parametrize("gamma", [0.7, 1.4])
def test_gamma_agrees_with_monai(gamma: float) -> None:
    film = np.arange(256, dtype=np.uint8).reshape(16, 16)
    expected = np.asarray(AdjustContrast(gamma=gamma)(torch.from_numpy(film[None] / 255)))[0] * 255
    actual = apply_parameters(film, replace(PLAIN, gamma=gamma))
    np.testing.assert_allclose(actual, expected, atol=0.5 + 1e-3)


@pytest.mark.parametrize("contrast", [0.6, 1.5])
def test_contrast_agrees_with_torchvision(contrast: float) -> None:
    film = smooth()
    expected = adjust_contrast(torch.from_numpy(film[None] / 255.0), contrast)[0] * 255
    actual = apply_parameters(film, replace(PLAIN, contrast=contrast))
    np.testing.assert_allclose(actual, expected, atol=0.5 + 1e-3)


def test_brightness_adds_and_saturates() -> None:
    film = np.array([[0, 100, 250]], np.uint8)
    assert apply_parameters(film, replace(PLAIN, brightness=0.2)).tolist() == [[51, 151, 255]]
    assert apply_parameters(film, replace(PLAIN, brightness=-0.2)).tolist() == [[0, 49, 199]]


def test_contrast_brightness_and_gamma_come_in_this_order() -> None:
    film = np.array([[0, 255]], np.uint8)
    changed = apply_parameters(film, replace(PLAIN, contrast=0.5, brightness=0.1, gamma=2.0))
    expected = [[255 * 0.35**2, 255 * 0.85**2]]  # mean 0.5: 0.25, 0.75; then 0.35, 0.85
    np.testing.assert_allclose(changed, expected, atol=0.5)


@pytest.mark.parametrize("noise", [0.004, 0.02, 0.05])
def test_noise_is_gaussian_of_the_given_width(noise: float) -> None:
    film = np.full((300, 301), 128, np.uint8)
    noisy = apply_parameters(film, replace(PLAIN, noise=noise, noise_key=5)).astype(int)
    counts = np.bincount(noisy.ravel() - 128 + 60, minlength=121)
    edges = norm(scale=255 * noise).cdf(np.arange(-60.5, 61))
    common = film.size * np.diff(edges) > 20
    expected = film.size * np.diff(edges)[common]
    statistic = ((counts[common] - expected) ** 2 / expected).sum()
    assert chi2(df=common.sum() - 1).sf(statistic) > 0.01


def test_noise_is_independent_from_pixel_to_pixel_and_saturates() -> None:
    film = np.full((200, 200), 128, np.uint8)
    levels = apply_parameters(film, replace(PLAIN, noise=0.1, noise_key=1)).astype(float) - 128
    for neighbour in (np.roll(levels, 1, axis=0), np.roll(levels, 1, axis=1)):
        assert abs(np.corrcoef(levels.ravel(), neighbour.ravel())[0, 1]) < 0.02
    black = apply_parameters(np.zeros((50, 50), np.uint8), replace(PLAIN, noise=0.1))
    assert 0.4 < (black == 0).mean() < 0.6


def test_an_erased_rectangle_has_the_films_mean_grey() -> None:
    film = np.full((40, 20), 9, np.uint8)
    film[:20] = 109
    erased = apply_parameters(film, replace(PLAIN, erased=(0.25, 0.5, 0.5, 0.25)))
    assert (erased[10:30, 10:15] == 59).all()
    assert (erased == 59).sum() == 100
