import logging

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
