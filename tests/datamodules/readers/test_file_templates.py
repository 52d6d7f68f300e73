import pytest

from datamodules.readers.file_templates import FileTemplate, walk, without_ending


@pytest.mark.parametrize(
    ("template", "path", "fields"),
    [
        ("{id}", "case_01.nii.gz", {"id": "case_01"}),
        ("{id}", "a.b.PNG", {"id": "a.b"}),
        ("{id}", "notes.txt", None),
        ("{id}", "folder/a.png", None),
        ("{id}.jpg", "a.png", None),
        ("{id}_{channel}", "case_01_0000.nii.gz", {"id": "case_01", "channel": "0000"}),
        ("{id}/{id}_seg.nii", "a/a_seg.nii", {"id": "a"}),
        ("{id}/{id}_seg.nii", "a/b_seg.nii", None),
        ("{structure}/{id}", "left lung/a.gif", {"id": "a", "structure": "left lung"}),
        ("{id}/", "series/", {"id": "series"}),
        ("{id}+.png", "a+.png", {"id": "a"}),
    ],
)
def test_a_path_gives_the_fields_of_its_template(template, path, fields):
    assert FileTemplate(template).match(path) == fields


def test_values_that_are_known_are_the_only_ones():
    template = FileTemplate("{id}_{channel}", {"channel": ("t1", "t1_gd")})
    assert template.match("a_t1_gd.nii") == {"id": "a", "channel": "t1_gd"}
    assert template.match("a_t2.nii") is None


def test_hidden_files_are_passed_over_and_the_order_is_fixed(tmp_path):
    for name in ("b/2.png", "b/1.png", "a.png", "._a.png", ".hidden/c.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert list(walk(tmp_path, ".")) == ["b/", "a.png", "b/1.png", "b/2.png"]


def test_a_folder_that_cannot_be_read_is_not_passed_over(tmp_path):
    with pytest.raises(FileNotFoundError):
        list(walk(tmp_path, "gone"))


@pytest.mark.parametrize(
    ("name", "stem"), [("a.nii.gz", "a"), ("a.1.png", "a.1"), ("1.2.840", "1.2.840")]
)
def test_only_known_endings_are_cut_off(name, stem):
    assert without_ending(name) == stem
