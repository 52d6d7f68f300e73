import pytest

from datamodules.errors import DataError
from datamodules.readers.image_files import ImageFiles, case_ids, fault_of_case_id, may_be_image


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


def test_an_image_of_a_folder_is_told_by_its_name():
    images = ["a.PNG", "b.ima", "IM000001", "1.2.840.113619.2.5"]
    others = ["a.txt", ".hidden.png", "DICOMDIR", "Thumbs.db", "a.png.bak"]
    assert [name for name in [*images, *others] if may_be_image(name)] == images


def test_cases_are_named_by_stem_and_by_path_where_stems_repeat():
    assert case_ids(["a/1.png", "b/2.DCM", "1.2.840"]) == ["1", "2", "1.2.840"]
    assert case_ids(["a/1.png", "b/1.png"]) == ["a__1", "b__1"]


@pytest.mark.parametrize("case_id", ["a/b", "..", "", "a\\b", "a\nb", "é" * 101])
def test_an_id_that_cannot_name_a_file_has_a_fault(case_id):
    assert fault_of_case_id(case_id) is not None
    assert fault_of_case_id("p1_-é 2.840") is None
