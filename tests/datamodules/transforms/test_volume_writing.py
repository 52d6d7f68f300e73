"""What is written is read back by others as it was, and is whole or not there."""

import sys
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK
from fakes import volume_files as fakes
from PIL import Image

from datamodules.errors import ConfigError, DataError
from datamodules.transforms.dicom_seg_writing import write_dicom_seg
from datamodules.transforms.mask_dicom import read_dicom_masks
from datamodules.transforms.volume_reading import read_volume
from datamodules.transforms.volume_writing import write_volume
from datamodules.volume import Volume

AFFINE = fakes.oblique_affine()
ARRAY = fakes.voxels(5, 6, 7)
TYPES = ["u1", "i1", "i2", "u2", "i4", "f4", "f8"]


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.nrrd", "a.mha"])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_volume_is_read_back(tmp_path: Path, name: str, dtype: str, channels: int) -> None:
    array = np.stack([ARRAY.astype(dtype) + channel for channel in range(channels)])
    array = array.astype(dtype)
    write_volume(tmp_path / name, Volume(array, AFFINE))
    volume = read_volume(tmp_path / name)
    np.testing.assert_array_equal(volume.array, array)
    np.testing.assert_allclose(volume.affine, AFFINE, atol=1e-5)
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", ["a.nii.gz", "a.nrrd", "a.mha"])
def test_itk_reads_the_same(tmp_path: Path, name: str) -> None:
    write_volume(tmp_path / name, Volume(ARRAY[None], AFFINE))
    image = SimpleITK.ReadImage(str(tmp_path / name))
    np.testing.assert_array_equal(SimpleITK.GetArrayFromImage(image).T, ARRAY)
    lps = fakes.RAS_TO_LPS @ AFFINE
    directions = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    np.testing.assert_allclose(directions, lps[:3, :3], atol=1e-5)
    np.testing.assert_allclose(image.GetOrigin(), lps[:3, 3], atol=1e-4)


def test_a_nifti_says_millimetres_and_both_forms(tmp_path: Path) -> None:
    write_volume(tmp_path / "a.nii.gz", Volume(ARRAY[None], AFFINE))
    header = nibabel.load(tmp_path / "a.nii.gz").header
    assert header.get_xyzt_units()[0] == "mm"
    np.testing.assert_allclose(header.get_sform(), AFFINE, atol=1e-5)


@pytest.mark.parametrize("name", ["a.nrrd", "a.mha", "a.nii"])
def test_two_axes_are_written_too(tmp_path: Path, name: str) -> None:
    affine = np.diag([0.2, 0.1, 1.0, 1.0])
    write_volume(tmp_path / name, Volume(ARRAY[None, :, :, 0], affine))
    volume = read_volume(tmp_path / name)
    np.testing.assert_array_equal(volume.array.reshape(5, 6), ARRAY[:, :, 0])
    np.testing.assert_allclose(volume.spacing[:2], (0.2, 0.1), rtol=1e-6)


def test_a_png_is_grey_or_colour(tmp_path: Path) -> None:
    colours = np.abs(fakes.voxels(3, 4, 5)).astype(np.uint8)
    write_volume(tmp_path / "a.png", Volume(colours, np.eye(4), has_spacing=False))
    np.testing.assert_array_equal(
        np.asarray(Image.open(tmp_path / "a.png")), colours.transpose(1, 2, 0)
    )
    deep = colours[:1].astype(np.uint16) * 200
    write_volume(tmp_path / "b.png", Volume(deep, np.eye(4), has_spacing=False))
    np.testing.assert_array_equal(read_volume(tmp_path / "b.png").array, deep)


@pytest.mark.parametrize(
    ("name", "array"), [("a.png", ARRAY[None]), ("a.png", ARRAY[None, 0]), ("a.dcm", ARRAY[None])]
)
def test_what_does_not_fit_a_format_leaves_nothing(
    tmp_path: Path, name: str, array: np.ndarray
) -> None:
    with pytest.raises(ConfigError, match=r"does not fit a PNG|names no format"):
        write_volume(tmp_path / name, Volume(array, AFFINE))
    assert not list(tmp_path.iterdir())


def test_the_same_volume_is_the_same_file(tmp_path: Path) -> None:
    for name in ("a.nii.gz", "a.nrrd", "a.mha"):
        write_volume(tmp_path / name, Volume(ARRAY[None], AFFINE))
        first = (tmp_path / name).read_bytes()
        write_volume(tmp_path / name, Volume(ARRAY[None], AFFINE))
        assert (tmp_path / name).read_bytes() == first


# DICOM SEG


def test_a_dicom_seg_is_read_back(tmp_path: Path) -> None:
    pytest.importorskip("highdicom")
    series = fakes.write_series(tmp_path / "ct", ARRAY, AFFINE, **fakes.PATIENT)
    image = read_volume(series)
    masks = np.stack([ARRAY > 0, ARRAY < -500]).astype(np.uint8)
    write_dicom_seg(tmp_path / "seg.dcm", masks, ("bone", "air"), series)
    content = (tmp_path / "seg.dcm").read_bytes()
    labels = read_dicom_masks(content, None, image)
    np.testing.assert_array_equal(labels[0], masks[0] + 2 * masks[1])
    assert read_dicom_masks(content, "air", image).sum() == masks[1].sum()


def test_masks_of_another_shape_or_a_poor_header_are_refused(tmp_path: Path) -> None:
    pytest.importorskip("highdicom")
    series = fakes.write_series(tmp_path / "ct", ARRAY, AFFINE)
    masks = np.ones((1, 5, 6, 7), np.uint8)
    with pytest.raises(DataError, match="do not fit a series"):
        write_dicom_seg(tmp_path / "a.dcm", masks[:, :, :, 1:], ("bone",), series)
    with pytest.raises(DataError, match="lacks what a DICOM SEG needs"):
        write_dicom_seg(tmp_path / "a.dcm", masks, ("bone",), series)
    assert not (tmp_path / "a.dcm").exists()


def test_without_highdicom_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "highdicom.seg", None)
    with pytest.raises(ConfigError, match=r"pip install 'lightbox\[dicom-seg\]'"):
        write_dicom_seg(tmp_path / "a.dcm", np.ones((1, 1, 1, 1), np.uint8), ("a",), tmp_path)
