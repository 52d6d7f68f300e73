import pytest

from datamodules.errors import ConfigError
from datamodules.volume_files import find_volumes


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def names_of(found):
    return {name: [path.name for path in paths] for name, paths in found.items()}


def test_files_are_named_by_their_path_without_an_ending(tmp_path):
    touch(tmp_path, "a.nii.gz", "below/b.mha", "notes.txt", ".hidden.nii")
    assert set(find_volumes([tmp_path], channels=1)) == {"a", "below/b"}


def test_one_file_a_channel_is_one_case(tmp_path):
    touch(tmp_path, "x_0001.nii.gz", "x_0000.nii.gz", "whole.nii.gz")
    found = names_of(find_volumes([tmp_path], channels=2))
    assert found == {"x": ["x_0000.nii.gz", "x_0001.nii.gz"], "whole": ["whole.nii.gz"]}


def test_number_that_is_no_channel_belongs_to_the_name(tmp_path):
    touch(tmp_path, "case_0000.nii", "case_0123.nii")
    assert set(find_volumes([tmp_path], channels=1)) == {"case", "case_0123"}


def test_case_without_one_of_its_channels_stays_in_parts_and_fails_alone(tmp_path):
    touch(tmp_path, "x_0000.nii", "x_0002.nii", "x_0001.nii", "y_0000.nii", "y_0001.nii")
    found = names_of(find_volumes([tmp_path], channels=3))
    assert found == {
        "x": ["x_0000.nii", "x_0001.nii", "x_0002.nii"],
        "y_0000": ["y_0000.nii"],
        "y_0001": ["y_0001.nii"],
    }


def test_files_of_two_patients_are_never_one_case(tmp_path):
    touch(tmp_path, "p1/scan.nii", "p2/scan.nii", "p3/scan_0000.nii", "p4/scan_0001.nii")
    files = [tmp_path / name for name in ("p1/scan.nii", "p2/scan.nii")]
    found = find_volumes([*files, tmp_path / "p3", tmp_path / "p4"], channels=2)
    assert sorted(found) == ["p2/scan", "scan", "scan_0000", "scan_0001"]
    assert all(len(paths) == 1 for paths in found.values())


def test_channels_are_in_their_order_however_they_are_named(tmp_path):
    touch(tmp_path, "a_0001.mha", "a_0000.nii.gz")
    (paths,) = find_volumes([tmp_path / "a_0001.mha", tmp_path / "a_0000.nii.gz"], 2).values()
    assert [path.name for path in paths] == ["a_0000.nii.gz", "a_0001.mha"]


def test_note_beside_a_series_does_not_hide_it(tmp_path):
    touch(tmp_path, "ct/.DS_Store", "ct/DICOMDIR", "ct/LICENSE", "ct/a.dcm", "ct/b.dcm")
    assert set(find_volumes([tmp_path], channels=1)) == {"ct"}


def test_folder_of_dicom_files_is_one_case(tmp_path):
    touch(tmp_path, "study/ct/1.dcm", "study/ct/2.dcm", "study/a.nii")
    (tmp_path / "study" / "mr").mkdir()
    (tmp_path / "study" / "mr" / "IM0001").write_bytes(bytes(128) + b"DICM")
    assert set(find_volumes([tmp_path / "study"], channels=1)) == {"a", "ct", "mr"}
    assert set(find_volumes([tmp_path / "study" / "ct"], channels=1)) == {"ct"}


def test_what_was_written_before_is_passed_over(tmp_path):
    touch(tmp_path, "a.nii", "out/masks/a.nii.gz")
    assert set(find_volumes([tmp_path], channels=1, output=tmp_path / "out")) == {"a"}


def test_folder_without_images_is_told(tmp_path):
    with pytest.raises(ConfigError, match="no images in"):
        find_volumes([tmp_path], channels=1)
