from dataclasses import replace

import numpy as np
import pytest

from datamodules import volume_measures
from datamodules.transforms.volume_geometry import VolumeGeometry
from datamodules.volume import Volume
from datamodules.volume_measures import SPACING_KNOWN, measure_volume

SIDES = (8, 6, 4)


def geometry_of(sides=SIDES, affine=None, *, has_spacing=True) -> VolumeGeometry:
    grid = np.empty((0, *sides), np.uint8)
    return VolumeGeometry.of(Volume(grid, np.eye(4) if affine is None else affine, has_spacing))


def measured(image: np.ndarray, geometry: VolumeGeometry | None = None):
    """Measures of channels ``(C, *spatial)`` that were neither cropped nor resampled."""
    stored = image.astype(np.float16)
    return measure_volume(stored, geometry or geometry_of(stored.shape[1:]))


def ramp(*shape: int) -> np.ndarray:
    return np.arange(np.prod(shape), dtype=np.float32).reshape(1, *shape) / 64


def test_extent_and_spacing_are_those_of_the_file_along_the_axes_of_the_patient():
    affine = np.zeros((4, 4))  # columns of the file: down-up, left-right, front-back
    affine[2, 0], affine[0, 1], affine[1, 2], affine[3, 3] = 5.0, 0.5, -2.0, 1.0
    geometry = geometry_of((10, 100, 40), affine)
    geometry = replace(geometry, cropped=(60, 40, 10), resampled=SIDES)
    values = measured(ramp(*SIDES), geometry).values
    assert {name: values[name] for name in values if name.endswith(("extent", "spacing"))} == {
        "left-right extent": 30.0,
        "left-right spacing": 0.5,
        "back-front extent": 80.0,
        "back-front spacing": 2.0,
        "down-up extent": 50.0,
        "down-up spacing": 5.0,
        SPACING_KNOWN: 3.0,
    }


def test_without_a_spacing_there_are_voxels_only():
    values = measured(ramp(*SIDES), geometry_of(has_spacing=False)).values
    assert values[SPACING_KNOWN] == 0
    assert [values[f"{axis} size"] for axis in volume_measures.AXES] == [8, 6, 4]
    assert "down-up extent" not in values
    assert "down-up spacing" not in values


def test_intensities_by_hand():
    image = np.zeros((1, 10, 10, 1), np.float32)
    image[0, :3] = -1
    image[0, 9] = 3
    values = measured(image).values
    assert values["mean intensity"] == pytest.approx(0.0)
    assert values["spread of intensity"] == pytest.approx(np.sqrt(0.3 + 0.9))
    assert values["share of the darkest"] == pytest.approx(0.3)
    assert values["share of the brightest"] == pytest.approx(0.1)
    differences = (1**2 + 3**2) / 9, 0.0  # along the third axis there are no neighbours
    assert values["sharpness"] == pytest.approx(np.sqrt(np.mean(differences) / 1.2))


def test_noise_is_as_sharp_as_can_be_and_a_ramp_hardly():
    noise = np.random.default_rng(0).normal(size=(1, 32, 32, 32))
    slope = np.broadcast_to(np.linspace(0, 1, 32), (1, 32, 32, 32))
    assert measured(noise).values["sharpness"] == pytest.approx(np.sqrt(2), rel=0.02)
    assert measured(slope).values["sharpness"] < 0.1


def test_layout_is_the_same_in_other_grey_values_and_opposite_for_an_inverted_volume():
    image = ramp(16, 16, 16)
    thumbnail = measured(image).thumbnail
    assert np.linalg.norm(thumbnail) == pytest.approx(1, abs=1e-5)
    assert measured(image * 0.5 + 7).thumbnail @ thumbnail == pytest.approx(1, abs=1e-3)
    assert measured(-image).thumbnail @ thumbnail == pytest.approx(-1, abs=1e-5)


def test_exchanged_channels_have_another_layout():
    image = np.concatenate([ramp(8, 8, 8), ramp(8, 8, 8)[:, ::-1, ::-1, ::-1]])
    thumbnail = measured(image).thumbnail
    assert np.linalg.norm(thumbnail) == pytest.approx(1, abs=1e-5)
    assert measured(image[::-1]).thumbnail @ thumbnail == pytest.approx(-1, abs=1e-3)


def test_volume_without_contrast_has_no_layout_and_is_measured_all_the_same():
    found = measured(np.full((1, *SIDES), 7.0))
    assert not found.thumbnail.any()
    assert all(np.isfinite(value) for value in found.values.values())


def test_of_a_large_volume_a_part_says_nearly_the_same(monkeypatch):
    chance = np.random.default_rng(0)
    image = ramp(33, 50, 21) / 200 + chance.normal(0, 0.1, (1, 33, 50, 21))
    whole = measured(image)
    monkeypatch.setattr(volume_measures, "MOST_VOXELS", 33 * 50 * 21 // 5)
    part = measured(image)
    assert part.values == pytest.approx(dict(whole.values), rel=0.05, abs=0.02)
    assert part.values != whole.values
    assert part.thumbnail @ whole.thumbnail > 0.98
