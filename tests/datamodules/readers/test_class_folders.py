"""Volumes in one folder a class: files of any format, and folders of DICOM series."""

import numpy as np
import pytest
from fakes import folder, volume_files, xray_files

from datamodules.errors import DataError
from datamodules.readers.folder import FolderReader
from datamodules.transforms.volume_reading import read_volume

VOXELS, AFFINE = volume_files.voxels(4, 5, 3), np.eye(4)
PIXEL_DATA = b"\xe0\x7f\x10\x00OW"
UIDS = ("1.2.840.1.4610", "1.2.840.1.8910")


def write_series(place, *uids):
    for uid in uids:
        volume_files.write_series(place / uid, VOXELS, AFFINE, uid=uid)


def read(root, **settings):
    return FolderReader(root=str(root), **settings).read()


@pytest.fixture
def root(tmp_path):
    """A NIfTI, and a folder with a series, of each class."""
    for label in ("ill", "well"):
        volume_files.write_nifti(tmp_path / label / f"p1_{label}.nii.gz", VOXELS)
        write_series(tmp_path / label / f"p2_{label}", UIDS[0])
    return tmp_path


def test_files_and_folders_of_series_are_cases(root):
    table = read(root, classes=("well", "ill"))
    found = {
        case.case_id: (str(case.inputs["image"]), case.targets["class"]) for case in table.cases
    }
    assert found == {
        "p1_ill": ("ill/p1_ill.nii.gz", "ill"),
        "p2_ill": ("ill/p2_ill", "ill"),
        "p1_well": ("well/p1_well.nii.gz", "well"),
        "p2_well": ("well/p2_well", "well"),
    }


def test_every_suffix_of_a_volume_is_stripped_whole(root):
    for name in ("a.nii", "b.NRRD", "c.mha", "d.mhd", "e.tif", "f.x.nii.gz", "d.raw"):
        (root / "ill" / name).touch()
    table = read(root)
    ids = {case.case_id for case in table.cases if case.targets["class"] == "ill"}
    assert ids == {"a", "b", "c", "d", "e", "f.x", "p1_ill", "p2_ill"}
    assert table.notices[-1].endswith("left out: 1.")


def test_several_series_of_a_folder_are_cases_of_one_patient(root):
    write_series(root / "ill" / "p3_ill", *UIDS)
    cases = {case.case_id: case for case in read(root).cases if "p3" in case.case_id}
    assert [str(case.inputs["image"]) for case in cases.values()] == [
        f"ill/p3_ill:{uid}" for uid in UIDS
    ]
    assert list(cases) == ["p3_ill_4610", "p3_ill_8910"]
    assert {case.patient_id for case in cases.values()} == {"p3_ill"}
    source = cases["p3_ill_8910"].inputs["image"]
    assert read_volume(root / source.path, source.selector).spatial == (4, 5, 3)


def test_series_whose_ends_are_alike_have_longer_names(root):
    write_series(root / "ill" / "p3", "1.2.11.5678", "1.2.12.5678")
    ids = [case.case_id for case in read(root).cases if case.case_id.startswith("p3")]
    assert ids == ["p3_1.5678", "p3_2.5678"]


def test_the_pattern_takes_the_patient_from_the_name_of_the_folder(root):
    write_series(root / "ill" / "p3_ill", *UIDS)
    table = read(root, patient_pattern=r"^(p\d)_")
    assert [case.patient_id for case in table.cases] == ["p1", "p2", "p3", "p3", "p1", "p2"]


def test_reports_and_folders_without_images_are_left_out(root):
    (root / "ill" / "notes").mkdir()
    (root / "ill" / "notes" / "a.txt").write_text("well")
    volume_files.write_report(root / "ill" / "report" / "a.dcm")
    volume_files.write_report(root / "ill" / "p2_ill" / "report.dcm")
    table = read(root)
    assert len(table.cases) == 4
    assert table.notices[-1] == "Folders, and files that are no images, left out: 2."


def test_a_damaged_slice_is_named_with_its_folder(root):
    slice_ = next((root / "ill" / "p2_ill").rglob("*.dcm"))
    slice_.write_bytes(slice_.read_bytes()[:200])
    reading = FolderReader(root=str(root)).examine()
    (problem,) = reading.problems
    assert str(problem).startswith(f"ill/p2_ill: '{slice_.name}' is cut off")
    assert len(reading.table.cases) == 4


def test_a_folder_and_a_file_of_one_name_are_told(root):
    volume_files.write_nifti(root / "ill" / "p2_ill.nii", VOXELS)
    with pytest.raises(DataError, match=r"ill/p2_ill and ill/p2_ill\.nii would both be case"):
        read(root)


def test_a_slice_that_links_out_of_the_root_is_refused(root, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    write_series(other, UIDS[1])
    slice_ = next(other.rglob("*.dcm"))
    (root / "ill" / "p2_ill" / "more.dcm").symlink_to(slice_)
    with pytest.raises(DataError, match=r"ill/p2_ill/more\.dcm' is a link that leaves"):
        read(root)


def test_headers_of_films_are_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr("pydicom.dcmread", lambda *_, **__: pytest.fail("a header was read"))
    folder.write(tmp_path)
    for label in ("normal", "pneumonia"):
        xray_files.write_dicom(tmp_path / label / f"{label}.dcm", xray_files.ramp())
    assert len(read(tmp_path).cases) == 14


def test_no_pixel_of_a_series_is_read(root):
    for path in root.rglob("*.dcm"):
        content = path.read_bytes()
        path.write_bytes(content[: content.index(PIXEL_DATA) + 12])
    assert len(read(root).cases) == 4
