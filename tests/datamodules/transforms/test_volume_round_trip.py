"""An identity model's prediction comes back to the file's own geometry, whatever that is."""

from itertools import permutations, product
from pathlib import Path

import nibabel
import numpy as np
import pytest
from fakes import volume_files as fakes

from datamodules.configs.volume_preprocessing import VolumePreprocessing
from datamodules.transforms.volume_geometry import VolumeGeometry
from datamodules.transforms.volume_preprocessing import PreparedVolume, PreprocessVolume
from datamodules.transforms.volume_reading import read_volume
from datamodules.transforms.volume_writing import write_volume
from datamodules.volume import Volume

ORIENTATIONS = list(product(permutations(range(3)), product((1, -1), repeat=3)))
"""Which axis of the body each axis of the file follows, and in which direction: 48."""
SPACINGS = {"isotropic": (1.0, 1.0, 1.0), "anisotropic": (0.6, 0.8, 3.5)}


def oriented(axes: tuple[int, ...], signs: tuple[int, ...], oblique: bool, spacing: str):
    """Affine of a file, spacing included."""
    turn = np.eye(4)
    turn[:3, :3] = np.eye(3)[:, list(axes)] * signs
    lengths = SPACINGS[spacing]
    base = fakes.oblique_affine(lengths) if oblique else np.diag([*lengths, 1.0])
    return base @ turn


def cube(seed: int = 0) -> np.ndarray:
    """Values with a border of 0 to crop, none of it symmetric."""
    array = np.zeros((7, 6, 5), np.int16)
    array[1:6, 1:, 1:4] = 1 + np.abs(fakes.voxels(5, 5, 3, seed=seed)) % 200
    return array


def labels_of(volume: Volume) -> np.ndarray:
    return (volume.array > 100).astype(np.uint8) + (volume.array > 150)


def round_trip(volume: Volume, **config) -> tuple[np.ndarray, PreparedVolume]:
    labels = labels_of(volume)
    prepared = PreprocessVolume(VolumePreprocessing(**config))(volume, labels)
    geometry = VolumeGeometry.from_dict(prepared.geometry.to_dict())
    assert geometry == prepared.geometry
    return geometry.restore_labels(prepared.mask), prepared


@pytest.mark.parametrize("oblique", [False, True])
@pytest.mark.parametrize("spacing", SPACINGS)
def test_labels_return_to_a_nifti_of_any_orientation(
    tmp_path: Path, oblique: bool, spacing: str
) -> None:
    for axes, signs in ORIENTATIONS:
        affine = oriented(axes, signs, oblique, spacing)
        path = fakes.write_nifti(tmp_path / "a.nii", cube(), affine)
        volume = read_volume(path)
        restored, prepared = round_trip(volume)
        assert prepared.image.shape[1:] == prepared.mask.shape[1:] == prepared.geometry.resampled
        np.testing.assert_array_equal(restored, labels_of(volume))
        write_volume(tmp_path / "out.nii.gz", prepared.geometry.as_volume(restored))
        written = nibabel.load(tmp_path / "out.nii.gz")
        assert written.shape == (7, 6, 5)
        np.testing.assert_allclose(written.affine, affine, atol=1e-5)
        np.testing.assert_array_equal(written.dataobj, labels_of(volume)[0])


@pytest.mark.parametrize("oblique", [False, True])
@pytest.mark.parametrize("spacing", SPACINGS)
def test_the_prepared_grid_is_that_of_nibabel_closest_canonical(
    oblique: bool, spacing: str
) -> None:
    for axes, signs in ORIENTATIONS:
        affine = oriented(axes, signs, oblique, spacing)
        image = nibabel.as_closest_canonical(nibabel.Nifti1Image(cube(), affine))
        mask = round_trip(Volume(cube()[None], affine), crop_to_nonzero=False)[1].mask
        canonical = Volume(np.asarray(image.dataobj)[None], image.affine)
        np.testing.assert_array_equal(mask, labels_of(canonical))


@pytest.mark.parametrize("oblique", [False, True])
@pytest.mark.parametrize("spacing", SPACINGS)
def test_labels_return_to_a_dicom_series_of_any_orientation(
    tmp_path: Path, oblique: bool, spacing: str
) -> None:
    """DICOM's slices follow the normal of row and column; half of the orientations oppose it."""
    for index, (axes, signs) in enumerate(ORIENTATIONS):
        affine = oriented(axes, signs, oblique, spacing)
        array = cube()[:, :, :3]
        volume = read_volume(fakes.write_series(tmp_path / str(index), array, affine))
        if np.linalg.det(affine) < 0:
            array = array[:, :, ::-1]
            affine = affine @ [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, -1, 2], [0, 0, 0, 1]]
        np.testing.assert_array_equal(volume.array[0], array)
        np.testing.assert_allclose(volume.affine, affine, atol=1e-5)
        restored, prepared = round_trip(volume)
        np.testing.assert_array_equal(restored, labels_of(volume))
        np.testing.assert_array_equal(prepared.geometry.as_volume(restored).affine, volume.affine)


def test_labels_return_to_a_natural_image(tmp_path: Path) -> None:
    colours = np.moveaxis(np.tile(cube()[..., :3].astype(np.uint8), (2, 1, 1)), 2, 0)
    write_volume(tmp_path / "a.png", Volume(colours, np.eye(4), has_spacing=False))
    volume = read_volume(tmp_path / "a.png")
    restored, prepared = round_trip(volume)
    assert prepared.image.shape == (3, 12, 5)
    np.testing.assert_array_equal(restored, labels_of(volume))


@pytest.mark.parametrize("spacing_mm", [(1.4, 0.8, 0.9), (0.45, 0.9, 1.4)])
def test_resampled_blocks_return_to_where_they_were(spacing_mm: tuple[float, ...]) -> None:
    for axes, signs in ORIENTATIONS[::5]:
        array = np.zeros((20, 18, 16), np.int16)
        array[3:15, 5:15, 4:12] = 120
        array[4:8, 5:15, 4:12] = 170
        volume = Volume(array[None], oriented(axes, signs, True, "isotropic"))
        restored, prepared = round_trip(volume, spacing_mm=spacing_mm, crop_to_nonzero=False)
        assert prepared.geometry.resampled != prepared.geometry.cropped
        assert (restored == labels_of(volume)).mean() > 0.97


@pytest.mark.parametrize(("has_spacing", "spacing"), [(True, (2.0, 3.0)), (False, (1.0, 1.0))])
def test_on_the_prepared_grid_nothing_is_left_to_be_restored(
    has_spacing: bool, spacing: tuple[float, ...]
) -> None:
    volume = Volume(np.ones((1, 20, 30), np.uint8), np.eye(4), has_spacing)
    geometry = PreprocessVolume(VolumePreprocessing(spacing_mm=(2.0, 3.0)))(volume).geometry
    values = np.random.default_rng(0).normal(size=(1, 10, 10)).astype(np.float32)
    grid = geometry.prepared()
    restored = grid.restore_mask(values, lambda part: (part > 0).astype(np.uint8), 1)
    assert np.array_equal(restored, values > 0)
    assert grid.original_spacing == pytest.approx(spacing)


def test_what_was_cropped_away_has_probability_0() -> None:
    volume = Volume(cube()[None], oriented((2, 0, 1), (1, -1, 1), True, "anisotropic"))
    prepared = PreprocessVolume(VolumePreprocessing(spacing_mm=(1, 1, 1)))(volume)
    ones = np.ones((2, *prepared.geometry.resampled), np.float32)
    restored = prepared.geometry.restore_probabilities(ones)
    np.testing.assert_allclose(restored, np.repeat(volume.array > 0, 2, axis=0), atol=1e-6)
