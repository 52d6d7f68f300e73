import logging
import os

import pytest

from datamodules.errors import ConfigError
from datamodules.xray_files import find_files


def test_images_of_folders_are_found_and_others_are_counted(tmp_path, caplog):
    for name in ("a/1.PNG", "a/1.2.840.5", "b/c/IM1", "b/notes.txt", "b/.DS_Store", "b/x.csv"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    with caplog.at_level(logging.INFO, "lightbox"):
        found = find_files([tmp_path])
    assert sorted(found) == ["a/1.2.840.5", "a/1.PNG", "b/c/IM1"]
    assert "2 other files passed over" in caplog.text


def test_a_named_file_is_always_taken(tmp_path):
    (tmp_path / "film.xyz").touch()
    assert find_files([tmp_path / "film.xyz"]) == {"film.xyz": tmp_path / "film.xyz"}


@pytest.mark.parametrize("table", ["predictions.csv", "explanations.csv", None])
def test_pictures_that_an_earlier_command_drew_are_passed_over(tmp_path, caplog, table):
    for name in ("1.png", "out/2.png", "out/overlays/a/1.png__x.png", "overlays/3.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    if table:
        (tmp_path / "out" / table).touch()
    found = find_files([tmp_path], output=None if table else tmp_path / "out")
    assert sorted(found) == ["1.png", "out/2.png", "overlays/3.png"]
    assert caplog.text.count("passed over") == 1 + bool(table)
    assert f"{tmp_path / 'out' / 'overlays'}" in caplog.text


def test_a_name_that_is_not_utf_8_can_be_written(tmp_path):
    film = tmp_path / os.fsdecode(b"caf\xe9.png")
    film.touch()
    assert find_files([tmp_path]) == {"caf\\udce9.png": film}


def test_equal_names_of_two_places_are_told_apart(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.png").touch()
    assert sorted(find_files([tmp_path / "a", tmp_path / "b"])) == ["1.png", "b/1.png"]


def test_an_absent_an_empty_and_a_closed_place_are_said(tmp_path, monkeypatch):
    with pytest.raises(ConfigError, match="no such file or folder"):
        find_files([tmp_path / "gone"])
    with pytest.raises(ConfigError, match="no image files"):
        find_files([tmp_path])

    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("os.scandir", refuse)
    with pytest.raises(ConfigError, match="Permission denied"):
        find_files([tmp_path])
