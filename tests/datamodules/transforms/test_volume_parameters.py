"""Drawn changes of patches: replayable, spread as the settings say, and within their windows."""

from dataclasses import astuple

import numpy as np
import pytest
from pydantic import ValidationError
from scipy.spatial.transform import Rotation
from scipy.stats import kstest

from datamodules.configs.volume_augmentation import LIGHT, VolumeAugmentation
from datamodules.transforms.volume_parameters import (
    AugmentationParameters,
    draw_parameters,
    largest_rotation,
    rotation,
    source_window,
    through_plane,
)

CUBE, MM = (40, 40, 40), (1.0, 1.0, 1.0)
DEFAULT = VolumeAugmentation()
ALWAYS = VolumeAugmentation(
    rotation_probability=1, scale_probability=1, noise_probability=1, blur_probability=1,
    brightness_probability=1, contrast_probability=1, low_resolution_probability=1,
    gamma_probability=1, inverted_gamma_probability=1,
)  # fmt: skip
MANY = [(epoch, draw) for epoch in range(20) for draw in range(200)]


def drawn(config: VolumeAugmentation = ALWAYS, channels: int = 2) -> AugmentationParameters:
    return draw_parameters(config, 7, MANY, CUBE, MM, channels)


def same(one: AugmentationParameters, other: AugmentationParameters) -> bool:
    return all(map(np.array_equal, astuple(one), astuple(other)))


def test_what_is_drawn_for_a_patch_does_not_depend_on_its_batch() -> None:
    together = drawn()
    for place in (0, 17, 399):
        alone = draw_parameters(ALWAYS, 7, [MANY[place]], CUBE, MM, 2)
        assert same(together[place : place + 1], alone)


def test_seed_epoch_and_draw_each_change_what_is_drawn() -> None:
    keys = np.ndindex(2, 2, 2)
    found = {
        draw_parameters(ALWAYS, seed, [(epoch, draw)], CUBE, MM).matrix.tobytes()
        for seed, epoch, draw in keys
    }
    assert len(found) == 8


def test_further_channels_do_not_alter_the_first() -> None:
    one, three = drawn(channels=1), drawn(channels=3)
    np.testing.assert_array_equal(one.gamma[:, 0], three.gamma[:, 0])
    np.testing.assert_array_equal(one.matrix, three.matrix)
    assert (three.gamma[:, 0] != three.gamma[:, 1]).all()


def test_one_setting_does_not_alter_what_another_draws() -> None:
    without = drawn(ALWAYS.replace(blur_probability=0, noise_probability=0, mirror=()))
    np.testing.assert_array_equal(without.contrast, drawn().contrast)
    np.testing.assert_array_equal(without.noise_key, drawn().noise_key)
    np.testing.assert_allclose(np.abs(without.matrix), np.abs(drawn().matrix))


def test_changes_come_as_often_as_nnunet_has_them() -> None:
    found = drawn(DEFAULT)
    moved = (source_window(found, CUBE) != CUBE).any(1)
    expected = {
        1 - 0.8 * 0.8: moved,
        0.1: found.noise > 0,
        0.2 / 2: found.blur[:, 0, 0] > 0,
        0.15: (found.brightness != 1).all(1),
        0.150001: (found.contrast != 1).all(1),
        0.25 / 2: found.resolution[:, 1, 2] != 1,
        0.3: (found.gamma != 1).all(1),
        0.100001: (found.inverted_gamma != 1).all(1),
    }
    for probability, happens in expected.items():
        tolerance = 4 * np.sqrt(probability * (1 - probability) / len(MANY))
        assert happens.mean() == pytest.approx(probability, abs=tolerance)


def test_every_axis_is_mirrored_half_of_the_time() -> None:
    found = drawn(LIGHT.replace(rotation_probability=0, scale_probability=0))
    mirrored = found.matrix.diagonal(axis1=1, axis2=2) < 0
    np.testing.assert_allclose(mirrored.mean(0), 0.5, atol=0.04)
    assert len(np.unique(mirrored, axis=0)) == 8


def test_only_the_axes_named_are_mirrored() -> None:
    found = drawn(LIGHT.replace(rotation_probability=0, scale_probability=0, mirror=(1,)))
    mirrored = found.matrix.diagonal(axis1=1, axis2=2) < 0
    assert mirrored.any(0).tolist() == [False, True, False]


def test_values_are_spread_over_their_ranges() -> None:
    found = drawn()
    below = found.gamma[found.gamma < 1]
    above = found.gamma[found.gamma > 1]
    assert 0.46 < len(below) / found.gamma.size < 0.54
    scale = np.cbrt(np.abs(np.linalg.det(found.matrix)))
    uniform = {
        "noise": found.noise / 0.1,
        "blur": (found.blur[found.blur > 0] - 0.5) / 0.5,
        "resolution": (found.resolution[:, 0, 0][found.resolution[:, 0, 0] < 1] - 0.5) / 0.5,
        "below": (below - 0.7) / 0.3,
        "above": (above - 1) / 0.5,
        "scale": (scale - 0.7) / 0.7,
    }
    for name, values in uniform.items():
        assert kstest(values, "uniform").pvalue > 0.005, name


def test_nothing_is_drawn_where_every_probability_is_zero() -> None:
    found = drawn(LIGHT.replace(
        rotation_probability=0, scale_probability=0, noise_probability=0, mirror=()
    ))  # fmt: skip
    np.testing.assert_array_equal(found.matrix, np.broadcast_to(np.eye(3), (len(MANY), 3, 3)))
    for ones in (found.brightness, found.contrast, found.resolution, found.gamma):
        assert (ones == 1).all()
    assert not found.noise.any()
    assert not found.blur.any()


def test_the_light_set_leaves_grey_values_alone() -> None:
    found = drawn(LIGHT)
    assert found.noise.any()
    assert not found.blur.any()
    for ones in (found.brightness, found.contrast, found.resolution, found.gamma):
        assert (ones == 1).all()


def test_rotations_are_scipys() -> None:
    angles = np.array([[0.3, -0.2, 0.5], [0.0, 1.0, -0.4]])
    np.testing.assert_allclose(rotation(angles), Rotation.from_euler("xyz", angles).as_matrix())
    np.testing.assert_allclose(rotation(np.array([[np.pi / 2]]))[0], [[0, -1], [1, 0]], atol=1e-12)


@pytest.mark.parametrize(
    ("patch", "spacing", "degrees", "plane"),
    [
        ((96, 96, 64), (1.0, 1.0, 1.0), 30, None),
        ((192, 192, 20), (0.6, 0.6, 5.0), 180, 2),
        ((16, 256, 256), (3.0, 1.0, 1.0), 180, 0),
        ((64, 64, 32), (1.0, 1.0, 3.5), 180, 2),
        ((256, 256), (1.0, 1.0), 180, None),
        ((256, 128), (1.0, 1.0), 15, None),
    ],
)
def test_rotation_follows_nnunets_rule(
    patch: tuple[int, ...], spacing: tuple[float, ...], degrees: float, plane: int | None
) -> None:
    assert largest_rotation(DEFAULT, patch, spacing) == degrees
    assert through_plane(patch, spacing) == plane
    assert largest_rotation(DEFAULT.replace(rotation_degrees=5), patch, spacing) == 5


def test_thick_slices_are_changed_in_their_plane_only() -> None:
    found = draw_parameters(ALWAYS, 0, MANY, (96, 16, 96), (1.0, 5.0, 1.0))
    np.testing.assert_array_equal(np.abs(found.matrix[:, 1]), np.broadcast_to([0, 1, 0], (4000, 3)))
    np.testing.assert_array_equal(found.matrix[:, [0, 2], 1], 0)
    assert (found.resolution[..., 1] == 1).all()
    assert (source_window(found, (96, 16, 96))[:, 1] == 16).all()


def test_rotations_keep_lengths_in_mm() -> None:
    config = LIGHT.replace(rotation_probability=1, scale_probability=0)
    spacing = np.array([1.0, 2.0, 1.5])
    found = draw_parameters(config, 0, MANY[:50], CUBE, spacing.tolist())
    in_mm = spacing[:, None] * found.matrix / spacing
    same = np.broadcast_to(np.eye(3), in_mm.shape)
    np.testing.assert_allclose(in_mm @ in_mm.transpose(0, 2, 1), same, atol=1e-12)


def test_a_window_holds_all_corners_of_its_patch_and_shares_its_centre() -> None:
    patch = np.array([30, 41, 24])
    found = draw_parameters(ALWAYS, 1, MANY[:500], patch.tolist(), (1.0, 1.3, 2.0))
    windows = source_window(found, patch.tolist())
    signs = np.array([*np.ndindex(2, 2, 2)]) * 2 - 1
    corners = (signs * (patch - 1) / 2) @ found.matrix.transpose(0, 2, 1)
    assert (np.abs(corners).max(1) <= (windows - 1) / 2).all()
    assert ((windows - patch) % 2 == 0).all()


def test_a_patch_that_is_only_mirrored_needs_no_more_than_itself() -> None:
    found = drawn(LIGHT.replace(rotation_probability=0, scale_probability=0))
    assert (source_window(found, CUBE) == 40).all()


@pytest.mark.parametrize(
    "settings",
    [
        {"gamma": (1.1, 1.5)},
        {"scale": (1.4, 0.7)},
        {"noise_probability": 1.5},
        {"mirror": (0, 0)},
        {"mirror": (3,)},
        {"rotation_degrees": 200},
        {"low_resolution": (0.0, 1.0)},
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        VolumeAugmentation.model_validate(settings)
