import pytest
from fakes.slides import touch

from datamodules.errors import DataError
from datamodules.readers.image_files import NoSuchFileError
from datamodules.readers.named_files import NamedFiles

ENDINGS = (".svs", ".mrxs", ".dcm", ".png")


def files(root, *paths):
    return NamedFiles(touch(root, *paths), ENDINGS)


@pytest.mark.parametrize(
    "name", ["x/a.v1.svs", "x/a.v1", "a.v1.svs", "a.v1", "./x/a.v1", "x\\a.v1"]
)
def test_a_file_is_found_by_path_or_name_with_or_without_ending(tmp_path, name):
    assert files(tmp_path, "x/a.v1.svs", "x/a.svs", "x/a.v1.txt").find(name) == "x/a.v1.svs"


def test_a_path_is_the_file_itself_though_another_has_the_name(tmp_path):
    assert files(tmp_path, "a.svs", "x/a.svs").find("a.svs") == "a.svs"


def test_a_name_of_two_files_is_refused_with_both(tmp_path):
    with pytest.raises(DataError, match=r"may be any of a\.svs, x/a\.png; write the whole path"):
        files(tmp_path, "a.svs", "x/a.png").find("a")


def test_the_folder_beside_a_mirax_file_is_not_the_slide(tmp_path):
    assert files(tmp_path, "a.mrxs", "a/Data0000.dat").find("a") == "a.mrxs"


def test_a_folder_of_dicom_files_is_one_slide(tmp_path):
    found = files(tmp_path, "x/s1/0.dcm", "x/s1/1.dcm")
    for path in ("x/s1/0.dcm", "x/s1/1.dcm"):
        (tmp_path / path).write_bytes(bytes(128) + b"DICM")
    assert (found.find("s1"), found.find("x/s1/1.dcm")) == ("x/s1", "x/s1/1.dcm")
    assert found.others(["x/s1/1.dcm"]) == []


@pytest.mark.parametrize("name", ["b", "x/b.svs", "b.png"])
def test_an_absent_file_is_said_to_be_absent(tmp_path, name):
    with pytest.raises(NoSuchFileError, match=f"there is no file {name}, with or without"):
        files(tmp_path, "a.svs").find(name)


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("", "empty"),
        ("../a", "leaves the root"),
        ("/a", "absolute"),
        ("notes.txt", "does not end in"),
        ("x", "folder without DICOM"),
    ],
)
def test_what_is_no_such_file_is_refused(tmp_path, name, fault):
    with pytest.raises(DataError, match=fault):
        files(tmp_path, "notes.txt", "x/a.svs").find(name)


def test_a_link_that_leaves_the_root_is_refused(tmp_path):
    touch(tmp_path, "out/a.svs", "root/b.svs")
    (tmp_path / "root" / "a.svs").symlink_to(tmp_path / "out" / "a.svs")
    with pytest.raises(DataError, match="leaves the root"):
        files(tmp_path / "root").find("a")


def test_others_are_those_of_the_endings_that_somebody_uses(tmp_path):
    found = files(tmp_path, "a.svs", "b.svs", "thumbnail.png")
    assert found.others(["a.svs"]) == ["b.svs"]
