"""DICOM series: sorted by place, refused where they are no one volume."""

import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK
from fakes import volume_files as fakes
from fakes import xray_files
from pydicom import Dataset, dcmread

from datamodules.errors import DataError
from datamodules.transforms.volume_reading import read_volume

ARRAY, AFFINE = fakes.voxels(5, 6, 4), fakes.oblique_affine()


def reason_of(path: Path, selector: str | None = None) -> str:
    with pytest.raises(DataError) as error:
        read_volume(path, selector)
    assert "\n" not in str(error.value)
    return str(error.value)


def series(folder: Path, **elements: Any) -> Path:
    return fakes.write_series(folder / "series", ARRAY, AFFINE, **elements)


def change(folder: Path, index: int, **elements: Any) -> None:
    """Change the elements of one slice, counted along the normal."""
    path = next(folder.glob(f"*-{index}.dcm"))
    dataset = dcmread(path)
    for name, value in elements.items():
        setattr(dataset, name, value)
    dataset.save_as(path)


def test_a_series_is_read_as_itk_does(tmp_path: Path) -> None:
    folder = series(tmp_path, RescaleSlope="2", RescaleIntercept="-100")
    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    image = reader.Execute()
    volume = read_volume(folder)
    np.testing.assert_array_equal(volume.array[0], SimpleITK.GetArrayFromImage(image).T)
    np.testing.assert_array_equal(volume.array[0], ARRAY * 2.0 - 100)
    lps = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    np.testing.assert_allclose(volume.affine[:3, :3], np.diag([-1, -1, 1]) @ lps, atol=1e-5)
    np.testing.assert_allclose(volume.affine[:3, 3], np.array(image.GetOrigin()) * [-1, -1, 1])


def test_integers_stay_integers(tmp_path: Path) -> None:
    assert read_volume(series(tmp_path)).array.dtype == np.int16
    half = fakes.write_series(
        tmp_path / "half", ARRAY, AFFINE, RescaleSlope="0.5", RescaleIntercept="0"
    )
    assert read_volume(half).array.dtype == np.float32


def test_slices_of_different_slope_are_rescaled_one_by_one(tmp_path: Path) -> None:
    folder = series(tmp_path)
    change(folder, 1, RescaleSlope="3", RescaleIntercept="1")
    expected = ARRAY.astype(float)
    expected[:, :, 1] = expected[:, :, 1] * 3 + 1
    np.testing.assert_array_equal(read_volume(folder).array[0], expected)


def tilted(degrees: float) -> np.ndarray:
    """The affine of slices that a tilted gantry shifts along their columns."""
    affine = AFFINE.copy()
    along = affine[:3, 1] / np.linalg.norm(affine[:3, 1])
    affine[:3, 2] += along * np.linalg.norm(affine[:3, 2]) * np.tan(np.radians(degrees))
    return affine


@pytest.mark.parametrize("degrees", [-20, 3])
def test_a_tilted_gantry_is_told_with_its_angle(tmp_path: Path, degrees: float) -> None:
    folder = fakes.write_series(tmp_path / "s", ARRAY, tilted(degrees))
    assert f"gantry tilted by {abs(degrees):.1f} degrees; correct" in reason_of(folder)


def test_rounded_positions_are_no_tilt(tmp_path: Path) -> None:
    folder = fakes.write_series(tmp_path / "s", ARRAY, tilted(0.3))
    np.testing.assert_allclose(read_volume(folder).affine, tilted(0.3), atol=1e-5)


def test_other_files_are_passed_over(tmp_path: Path) -> None:
    folder = series(tmp_path)
    (folder / "LICENSE").write_text("free")
    fakes.write_report(folder / "000-report.dcm")
    np.testing.assert_array_equal(read_volume(folder).array[0], ARRAY)


def test_one_of_several_series_is_named(tmp_path: Path) -> None:
    series(tmp_path / "both", uid="1.2.3.4")
    shutil.copytree(
        fakes.write_series(tmp_path / "other", ARRAY[:, :, :2] + 1, AFFINE, uid="1.2.3.5"),
        tmp_path / "both" / "series" / "deeper",
    )
    folder = tmp_path / "both"
    np.testing.assert_array_equal(read_volume(folder, "1.2.3.4").array[0], ARRAY)
    np.testing.assert_array_equal(read_volume(folder, "1.2.3.5").array[0], ARRAY[:, :, :2] + 1)
    named = "1.2.3.4 (4 images), 1.2.3.5 (2 images)"
    assert f"the folder has 2 DICOM series: {named}; name one" in reason_of(folder)
    assert f"no series of the SeriesInstanceUID that is asked for; it has {named}" in reason_of(
        folder, "1.2.3.6"
    )


def test_what_is_no_uid_is_not_quoted(tmp_path: Path) -> None:
    fakes.write_series(tmp_path / "both" / "a", ARRAY, AFFINE, uid="1.2.3.4")
    fakes.write_series(tmp_path / "both" / "b", ARRAY, AFFINE, uid="Doe^Jane")
    assert "one without a valid UID (4 images)" in reason_of(tmp_path / "both")
    assert "Doe" not in reason_of(tmp_path / "both")


def test_a_missing_slice_is_told_with_its_place(tmp_path: Path) -> None:
    folder = series(tmp_path)
    next(folder.glob("*-1.dcm")).unlink()
    fakes.write_series(tmp_path / "long", fakes.voxels(4, 4, 9), AFFINE)
    next((tmp_path / "long").glob("*-4.dcm")).unlink()
    assert reason_of(tmp_path / "long") == (
        "slices are missing: a gap of 5 mm after slice 4 of 8, where 2.5 mm are usual"
    )
    assert reason_of(folder) == (
        "slices are missing: a gap of 5 mm after slice 1 of 3, where 2.5 mm are usual"
    )


def test_slices_at_uneven_distances_are_refused(tmp_path: Path) -> None:
    folder = series(tmp_path)
    shifted = AFFINE @ [0, 0, 1.2, 1] * [-1, -1, 1, 1]
    change(folder, 1, ImagePositionPatient=[f"{value:.10g}" for value in shifted[:3]])
    assert reason_of(folder) == "its slices lie at uneven distances of 2 to 3 mm"


def test_a_copy_of_a_slice_is_refused(tmp_path: Path) -> None:
    folder = series(tmp_path)
    shutil.copy(next(folder.glob("*-2.dcm")), folder / "copy.dcm")
    assert "1 of its 5 slices lie at the place of another" in reason_of(folder)


@pytest.mark.parametrize(
    ("elements", "reason"),
    [
        ({"ImageOrientationPatient": [1, 0, 0, 0, 1, 0]}, "not parallel"),
        ({"PixelSpacing": [3, 3]}, "differ in size or pixel spacing"),
        ({"ImagePositionPatient": None}, "no valid ImagePositionPatient"),
        ({"ImageOrientationPatient": [1, 0, 0, 1, 0, 0]}, "not at right angles"),
        ({"PhotometricInterpretation": "RGB"}, "'RGB' with 1 samples"),
        ({"PixelData": bytes(10)}, "10 bytes where 60 are declared"),
        ({"Rows": 60_000, "Columns": 60_000}, "differ in size"),
    ],
)
def test_slices_that_are_no_one_volume(
    tmp_path: Path, elements: dict[str, Any], reason: str
) -> None:
    folder = series(tmp_path)
    change(folder, 1, **elements)
    assert reason in reason_of(folder)


def test_one_slice_is_as_thick_as_it_says(tmp_path: Path) -> None:
    folder = fakes.write_series(tmp_path / "one", ARRAY[:, :, :1], AFFINE)
    volume = read_volume(folder)
    np.testing.assert_allclose(volume.affine, AFFINE, atol=1e-5)
    assert volume.spatial == (5, 6, 1)


def test_a_single_film_has_two_axes(tmp_path: Path) -> None:
    grey = xray_files.ramp(bits=12)
    path = xray_files.write_dicom(tmp_path / "a.dcm", grey, PixelSpacing=["0.2", "0.1"])
    volume = read_volume(path)
    np.testing.assert_array_equal(volume.array[0], grey)
    assert (volume.spacing, volume.has_spacing) == ((0.2, 0.1), True)
    assert not read_volume(xray_files.write_dicom(tmp_path / "b.dcm", grey)).has_spacing


def item(**elements: Any) -> Dataset:
    dataset = Dataset()
    for name, value in elements.items():
        setattr(dataset, name, value)
    return dataset


def enhanced(path: Path, array: np.ndarray, affine: np.ndarray) -> Path:
    """Write all slices as frames of one file, the last first."""
    lps = fakes.RAS_TO_LPS @ affine
    width, height, _ = np.linalg.norm(lps[:3, :3], axis=0)
    orientation = np.concatenate([lps[:3, 0] / width, lps[:3, 1] / height])
    order = range(array.shape[2] - 1, -1, -1)
    frames = [
        item(
            PlanePositionSequence=[
                item(ImagePositionPatient=[f"{v:.10g}" for v in (lps @ [0, 0, k, 1])[:3]])
            ],
            PixelValueTransformationSequence=[
                item(RescaleSlope=str(k + 1), RescaleIntercept="0", RescaleType="US")
            ],
        )
        for k in order
    ]
    shared = item(
        PlaneOrientationSequence=[
            item(ImageOrientationPatient=[f"{value:.10g}" for value in orientation])
        ],
        PixelMeasuresSequence=[item(PixelSpacing=[f"{height:.10g}", f"{width:.10g}"])],
    )
    stack = np.stack([array[:, :, k].T for k in order])
    dataset = xray_files.dicom(stack[0], 16, SharedFunctionalGroupsSequence=[shared])
    dataset.NumberOfFrames = len(stack)
    dataset.PerFrameFunctionalGroupsSequence = frames
    dataset.PixelData = stack.tobytes()
    dataset.save_as(path)
    return path


def test_frames_of_one_file_are_a_volume(tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    path = enhanced(tmp_path / "s" / "a.dcm", ARRAY, AFFINE)
    for place in (path, path.parent):
        volume = read_volume(place)
        np.testing.assert_array_equal(volume.array[0], ARRAY * np.arange(1.0, 5))
        np.testing.assert_allclose(volume.affine, AFFINE, atol=1e-5)


def test_frames_without_a_place_are_refused(tmp_path: Path) -> None:
    path = enhanced(tmp_path / "a.dcm", ARRAY, AFFINE)
    dataset = dcmread(path)
    del dataset.PerFrameFunctionalGroupsSequence
    dataset.save_as(path)
    assert "frames have no place" in reason_of(path)


def test_a_slice_cut_off_or_with_damaged_bytes_never_raises_but_a_reason(tmp_path: Path) -> None:
    folder = series(tmp_path)
    path = next(folder.glob("*-3.dcm"))  # the last one: without it the others are a volume
    whole = path.read_bytes()
    for length in range(132, len(whole), 41):
        path.write_bytes(whole[:length])
        assert path.name in reason_of(folder)
    random = np.random.default_rng(0)
    for _ in range(60):
        content = bytearray(whole)
        content[random.integers(132, len(whole) - 70)] = random.integers(256)
        path.write_bytes(content)
        with suppress(DataError):
            read_volume(folder)


REAL = "mri_t1_t2_dicom/PGBM_study1"


@pytest.mark.data
@pytest.mark.skipif("LIGHTBOX_DATA" not in os.environ, reason="LIGHTBOX_DATA is not set")
@pytest.mark.parametrize("name", ["T1pre_reg", "T2_reg"])
def test_a_real_series_is_read_as_pydicom_reads_its_slices_one_by_one(name: str) -> None:
    folder = Path(os.environ["LIGHTBOX_DATA"]) / REAL / name
    slices = [dcmread(path) for path in folder.glob("*.dcm")]
    slices.sort(key=lambda each: float(each.ImagePositionPatient[2]))  # feet to head
    assert [each.InstanceNumber for each in slices] == list(range(6, 18))
    volume = read_volume(folder)
    np.testing.assert_array_equal(
        volume.array[0], np.stack([each.pixel_array.T for each in slices], axis=-1)
    )
    for k, each in enumerate(slices):
        place = volume.affine @ [0, 0, k, 1] * [-1, -1, 1, 1]
        np.testing.assert_allclose(place[:3], each.ImagePositionPatient, atol=0.01)
    np.testing.assert_allclose(volume.spacing, (0.4297, 0.4297, 6.5), atol=0.01)


@pytest.mark.data
@pytest.mark.skipif("LIGHTBOX_DATA" not in os.environ, reason="LIGHTBOX_DATA is not set")
def test_two_real_series_in_one_folder_are_named() -> None:
    study = Path(os.environ["LIGHTBOX_DATA"]) / REAL
    uids = [
        dcmread(next((study / name).glob("*.dcm"))).SeriesInstanceUID
        for name in ("T1pre_reg", "T2_reg")
    ]
    assert all(f"{uid} (12 images)" in reason_of(study) for uid in uids)
    np.testing.assert_array_equal(
        read_volume(study, uids[1]).array, read_volume(study / "T2_reg").array
    )


@pytest.mark.data
@pytest.mark.skipif("LIGHTBOX_DATA" not in os.environ, reason="LIGHTBOX_DATA is not set")
def test_a_real_series_is_read_as_itk_does() -> None:
    root = Path(os.environ["LIGHTBOX_DATA"]) / "mri_t1_t2_dicom"
    folder = min(path.parent for path in root.rglob("*.dcm"))
    reader = SimpleITK.ImageSeriesReader()
    uid = reader.GetGDCMSeriesIDs(str(folder))[0]
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder), uid))
    image = reader.Execute()
    volume = read_volume(folder, uid)
    np.testing.assert_allclose(volume.array[0], SimpleITK.GetArrayFromImage(image).T)
