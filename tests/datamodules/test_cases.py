from pathlib import Path

import pytest

from datamodules.cases import Case, CaseTable, Source, resolve
from datamodules.errors import DataError


def case(case_id):
    return Case(case_id, "p", {"image": Source("a.png")})


def test_a_source_names_its_file_and_its_part():
    assert str(Source("a/b.png")) == "a/b.png"
    assert str(Source("a.npz", "train_images[3]")) == "a.npz:train_images[3]"


def test_a_table_without_cases_is_refused():
    with pytest.raises(DataError, match="dataset 'mine' has no cases"):
        CaseTable("mine", Path(), ())


def test_every_repeated_case_id_is_named():
    with pytest.raises(DataError) as caught:
        CaseTable("mine", Path(), tuple(case(name) for name in "abcacaa"))
    assert caught.value.problems == ("case id 'a' occurs 4 times", "case id 'c' occurs 2 times")


@pytest.mark.parametrize("relative", ["a.png", "a/b.png", "a\\b.png", "./a.png", "a..b.png"])
def test_a_path_under_the_root_is_joined(tmp_path, relative):
    assert resolve(tmp_path, relative) == tmp_path / relative.replace("\\", "/")


@pytest.mark.parametrize(
    ("relative", "says"),
    [
        *((path, "leaves the root") for path in ("..", "../a", "a/../../b", "..\\a")),
        *((path, "is absolute; write") for path in ("/etc/x", "C:\\a", "C:/a", "\\\\host\\a")),
    ],
)
def test_a_path_out_of_the_root_is_refused(tmp_path, relative, says):
    with pytest.raises(DataError, match=says):
        resolve(tmp_path, relative)


def test_a_link_out_of_the_root_is_refused_and_one_inside_is_not(tmp_path):
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "out").symlink_to(tmp_path)
    (tmp_path / "root" / "in").symlink_to(tmp_path / "root")
    assert resolve(tmp_path / "root", "in/a") == tmp_path / "root" / "in" / "a"
    with pytest.raises(DataError, match="link that leaves"):
        resolve(tmp_path / "root", "out/a")


def test_a_link_to_itself_is_refused(tmp_path):
    (tmp_path / "round.png").symlink_to(tmp_path / "round.png")
    with pytest.raises(DataError, match=r"'round.png' is a link that leads back to itself"):
        resolve(tmp_path, "round.png")


def test_an_error_shows_twenty_problems_and_keeps_all():
    error = DataError("many", [str(number) for number in range(25)])
    assert len(error.problems) == 25
    assert str(error).splitlines()[-1] == "  ... and 5 more"
