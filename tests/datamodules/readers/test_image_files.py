import pytest

from datamodules.errors import DataError
from datamodules.readers.image_files import (
    ImageFiles,
    case_ids,
    fault_of_case_id,
    may_be_image,
    may_be_volume,
)


@pytest.fixture
def root(tmp_path):
    root = tmp_path / "root"
    (root / "a").mkdir(parents=True)
    (root / "a" / "x.png").touch()
    (tmp_path / "secret.png").touch()
    (root / "out.png").symlink_to(tmp_path / "secret.png")
    (root / "in.png").symlink_to(root / "a" / "x.png")
    (root / "far").symlink_to(tmp_path)
    return root


@pytest.mark.parametrize("path", ["a/x.png", "./a/x.png", "a\\x.png", "a//x.png"])
def test_a_file_under_the_root_is_found(root, path):
    assert ImageFiles(root).check(path) == "a/x.png"


def test_a_link_that_stays_inside_is_followed(root):
    assert ImageFiles(root).check("in.png") == "in.png"


@pytest.mark.parametrize(
    "path", ["../secret.png", "a/../../secret.png", "/etc/passwd", "C:/x.png", "a\\..\\..\\x.png"]
)
def test_a_path_out_of_the_root_is_refused(root, path):
    with pytest.raises(DataError, match=r"leaves the root|is absolute"):
        ImageFiles(root).check(path)


@pytest.mark.parametrize("path", ["out.png", "far/secret.png"])
def test_a_link_out_of_the_root_is_refused(root, path):
    with pytest.raises(DataError, match="link that leaves"):
        ImageFiles(root).check(path)


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("", "empty"),
        ("a/y.png", "no file a/y.png"),
        ("b/x.png", "no file"),
        ("a", "not a file"),
        ("a/x.png/y", "no file"),
        ("a\x00", "NUL"),
        ("n" * 300, "no file"),
    ],
)
def test_what_is_no_file_is_refused(root, path, says):
    with pytest.raises(DataError, match=says):
        ImageFiles(root).check(path)


def test_what_may_not_be_read_is_not_called_missing(root, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("pathlib.Path.lstat", refuse)
    with pytest.raises(DataError, match=r"permission denied: a/x\.png"):
        ImageFiles(root).check("a/x.png")


def dicom_folder(root, *parts):
    folder = root.joinpath(*parts)
    folder.mkdir(parents=True)
    (folder / "IM1").write_bytes(bytes(128) + b"DICM")
    return folder


@pytest.mark.parametrize("path", ["study", "study/series/", "study\\series", "./study"])
def test_a_folder_with_dicom_files_is_an_image_and_no_file(root, path):
    dicom_folder(root, "study", "series")
    assert ImageFiles(root).check_image(path) == path.replace("\\", "/").strip("./")
    with pytest.raises(DataError, match="is not a file"):
        ImageFiles(root).check(path)


@pytest.mark.parametrize("path", ["a", "index"])
def test_a_folder_without_dicom_files_is_no_image(root, path):
    dicom_folder(root, "index").joinpath("IM1").rename(root / "index" / "DICOMDIR")
    (root / "a" / "gone").symlink_to(root / "nothing")
    with pytest.raises(DataError, match=f"^{path} is a folder without DICOM files; name a file"):
        ImageFiles(root).check_image(path)


def test_a_folder_whose_files_are_links_out_of_the_root_is_refused(root, tmp_path):
    dicom_folder(root, "study").joinpath("more").symlink_to(tmp_path / "secret.png")
    with pytest.raises(DataError, match=r"'study/more' is a link that leaves"):
        ImageFiles(root).check_image("study")


def test_a_volume_of_a_folder_is_told_by_its_name_and_is_no_film():
    volumes = ["a.nii.gz", "a.NII", "b.nrrd", "b.nhdr", "c.mha", "c.mhd"]
    others = ["a.gz", "a.raw", ".a.nii", "a.png", "nii"]
    assert [name for name in [*volumes, *others] if may_be_volume(name)] == volumes
    assert not any(map(may_be_image, volumes))


def test_an_image_of_a_folder_is_told_by_its_name():
    images = ["a.PNG", "b.ima", "IM000001", "1.2.840.113619.2.5"]
    others = ["a.txt", ".hidden.png", "DICOMDIR", "Thumbs.db", "a.png.bak"]
    assert [name for name in [*images, *others] if may_be_image(name)] == images


def test_cases_are_named_by_stem_and_by_path_where_stems_repeat():
    assert case_ids(["a/1.png", "b/2.DCM", "1.2.840"]) == ["1", "2", "1.2.840"]
    assert case_ids(["a/1.png", "b/1.png"]) == ["a__1", "b__1"]
    assert case_ids(["a/1.nii.gz", "b/2.x.NII.GZ", "c.gz"]) == ["1", "2.x", "c.gz"]


@pytest.mark.parametrize("case_id", ["a/b", "..", "", "a\\b", "a\nb", "é" * 101])
def test_an_id_that_cannot_name_a_file_has_a_fault(case_id):
    assert fault_of_case_id(case_id) is not None
    assert fault_of_case_id("p1_-é 2.840") is None
