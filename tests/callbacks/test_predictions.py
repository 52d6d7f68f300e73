import os

import pytest

from callbacks.predictions import prediction_table, write_predictions


def test_rows_become_a_table(tmp_path):
    write_predictions(tmp_path / "a" / "p.csv", [{"case_id": "x, y", "probability/n": 0.5}])
    text = (tmp_path / "a" / "p.csv").read_text()
    assert text.splitlines() == ["case_id,probability/n", '"x, y",0.5']


def test_no_rows_are_a_header(tmp_path):
    write_predictions(tmp_path / "p.csv", [], id_column="file")
    assert (tmp_path / "p.csv").read_text().split() == ["file"]
    assert [path.name for path in tmp_path.iterdir()] == ["p.csv"]


def test_table_that_is_broken_off_leaves_nothing(tmp_path):
    rows = ({"case_id": 1 / n} for n in (1, 0))
    with pytest.raises(ZeroDivisionError):
        write_predictions(tmp_path / "p.csv", rows)
    assert list(tmp_path.iterdir()) == []


def test_table_is_there_only_when_it_is_whole(tmp_path):
    with prediction_table(tmp_path / "p.csv") as write:
        write({"case_id": 1})
        assert not (tmp_path / "p.csv").exists()
    assert (tmp_path / "p.csv").read_text().split() == ["case_id", "1"]


def test_name_that_is_no_utf_8_is_written_as_it_is(tmp_path):
    write_predictions(tmp_path / "p.csv", [{"file": os.fsdecode(b"M\xfcller.png")}])
    assert b"M\xfcller.png" in (tmp_path / "p.csv").read_bytes()
