import os

import pytest
from fakes import folder
from pydantic import ValidationError

from datamodules.errors import DataError
from datamodules.readers.folder import FolderReader


def test_each_folder_is_a_class(tmp_path):
    table = FolderReader(root=str(folder.write(tmp_path))).read()
    assert table.classes == ("normal", "pneumonia")
    assert [case.targets["class"] for case in table.cases] == ["normal"] * 6 + ["pneumonia"] * 6
    assert table.cases[0].inputs["image"].path == "normal/p1_normal_0.png"
    assert not table.has_patients
    assert {case.split for case in table.cases} == {None}


def test_split_folders_are_the_official_split(tmp_path):
    root = folder.write(tmp_path, splits=("Training", "val", "test"))
    table = FolderReader(root=str(root)).read()
    assert [case.split for case in table.cases] == ["train"] * 12 + ["test"] * 12 + ["val"] * 12


def test_a_pattern_takes_the_patient_from_the_file_name(tmp_path):
    table = FolderReader(root=str(folder.write(tmp_path)), patient_pattern=r"^(p\d+)_").read()
    assert [case.patient_id for case in table.cases][:4] == ["p1", "p1", "p2", "p2"]
    assert table.has_patients


def test_a_name_without_patient_is_named(tmp_path):
    (folder.write(tmp_path) / "normal" / "x.png").touch()
    with pytest.raises(DataError, match=r"normal/x\.png: the file name does not match"):
        FolderReader(root=str(tmp_path), patient_pattern=r"(p\d+)_").read()


@pytest.mark.parametrize("pattern", ["p\\d+", "(p", ""])
def test_a_pattern_without_a_group_is_refused(pattern):
    with pytest.raises(ValidationError, match="patient_pattern"):
        FolderReader(patient_pattern=pattern)


def test_given_classes_fix_the_order(tmp_path):
    root = str(folder.write(tmp_path))
    table = FolderReader(root=root, classes=("pneumonia", "normal")).read()
    assert table.classes == ("pneumonia", "normal")
    assert table.notices == (
        "Of the classes 'pneumonia' and 'normal' the second counts as positive.",
    )


def test_a_folder_that_is_no_class_and_a_class_without_folder_are_named(tmp_path):
    root = str(folder.write(tmp_path))
    with pytest.raises(DataError) as caught:
        FolderReader(root=root, classes=("normal", "tb")).read()
    assert caught.value.problems == (
        "the folder pneumonia (6 images) is none of the classes normal, tb",
        "there is no folder for the class 'tb'",
    )


def test_a_class_that_training_lacks_is_named(tmp_path):
    root = folder.write(tmp_path, splits=("train", "test"))
    (root / "test" / "normal").rename(root / "test" / "Normal")
    with pytest.raises(DataError, match="'Normal' is in test but not in train"):
        FolderReader(root=str(root)).read()


def test_a_dicom_file_without_suffix_counts(tmp_path):
    (folder.write(tmp_path) / "normal" / "IM0001").touch()
    (tmp_path / "normal" / "1.2.840.17").touch()
    assert len(FolderReader(root=str(tmp_path)).read().cases) == 14


def test_folders_that_differ_by_case_only_are_refused(tmp_path):
    folder.write(tmp_path, classes=("normal", "Normal"))
    with pytest.raises(DataError, match="'Normal' and 'normal' differ only in how"):
        FolderReader(root=str(tmp_path)).read()


def test_other_files_are_left_out_with_a_notice(tmp_path):
    (folder.write(tmp_path) / "normal" / "notes.txt").touch()
    (tmp_path / "normal" / ".DS_Store").touch()
    table = FolderReader(root=str(tmp_path)).read()
    assert table.notices[-1] == "Folders, and files that are no images, left out: 1."


def test_a_file_name_that_is_not_utf_8_is_named(tmp_path):
    (folder.write(tmp_path) / "normal" / os.fsdecode(b"caf\xe9.png")).touch()
    with pytest.raises(DataError) as caught:
        FolderReader(root=str(tmp_path)).read()
    assert caught.value.problems == (
        "normal/caf\\udce9.png: the file name is not written in UTF-8; rename the file",
    )
    assert str(caught.value).encode()


def test_an_empty_class_folder_is_an_error(tmp_path):
    (folder.write(tmp_path) / "normal2").mkdir()
    with pytest.raises(DataError, match="the class folder normal2 has no images"):
        FolderReader(root=str(tmp_path)).read()


def test_images_without_class_folders_are_an_error(tmp_path):
    (tmp_path / "a.png").touch()
    with pytest.raises(DataError, match="no images in class folders"):
        FolderReader(root=str(tmp_path)).read()


def test_a_single_class_folder_is_an_error(tmp_path):
    folder.write(tmp_path, classes=("normal",))
    with pytest.raises(DataError, match="a single class folder, 'normal'"):
        FolderReader(root=str(tmp_path)).read()


def test_class_folders_beside_split_folders_are_an_error(tmp_path):
    folder.write(tmp_path, splits=("train",))
    (tmp_path / "pneumonia").mkdir()
    with pytest.raises(DataError, match="beside the split folders train there are others"):
        FolderReader(root=str(tmp_path)).read()


def test_a_class_folder_that_links_out_of_the_root_is_refused(tmp_path):
    folder.write(tmp_path / "root")
    folder.write(tmp_path / "other")
    (tmp_path / "root" / "tb").symlink_to(tmp_path / "other" / "normal")
    with pytest.raises(DataError, match="link that leaves"):
        FolderReader(root=str(tmp_path / "root")).read()


def test_two_files_of_one_name_are_an_error(tmp_path):
    folder.write(tmp_path)
    for suffix in (".png", ".jpg"):
        (tmp_path / "normal" / f"x{suffix}").touch()
    with pytest.raises(DataError, match=r"normal/x\.jpg and normal/x\.png would both be case"):
        FolderReader(root=str(tmp_path)).read()
