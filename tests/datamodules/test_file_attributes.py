import logging
from pathlib import Path

import numpy as np
import pytest
from fakes.csv_table import write_table

from datamodules.errors import ConfigError
from datamodules.file_attributes import read_file_attributes
from datamodules.table_features import TableColumn, encode

COLUMNS = (TableColumn("age", mean=50, std=10), TableColumn("sex", levels=("F", "M")))
FILES = ("a.png", "sub/b.png")


def table(folder: Path, *rows: tuple[object, ...], columns=("file", "age", "sex")) -> Path:
    return write_table(folder / "known.csv", columns, list(rows))


def test_attributes_become_what_the_model_is_given(tmp_path):
    path = table(tmp_path, ("sub\\b.png", 60, "M"), ("./a.png", "", "F"), ("other.png", 1, "F"))
    cases = read_file_attributes(path, COLUMNS, FILES)
    assert list(cases) == list(FILES)
    expected = [[0, 0, 1, 0], [1, 1, 0, 1]]
    assert encode(COLUMNS, list(cases.values())) == pytest.approx(np.array(expected))


def test_nothing_is_known_of_a_file_without_a_row(tmp_path, caplog):
    path = table(tmp_path, ("a.png", 60, "M"))
    with caplog.at_level(logging.WARNING):
        cases = read_file_attributes(path, COLUMNS, FILES)
    assert not encode(COLUMNS, [cases["sub/b.png"]]).any()
    assert "1 of 2 files have no row in known.csv" in caplog.text


def test_value_that_training_did_not_have_is_said(tmp_path, caplog):
    path = table(tmp_path, ("a.png", 60, "female"), ("sub/b.png", 60, "M"))
    with caplog.at_level(logging.WARNING):
        read_file_attributes(path, COLUMNS, FILES)
    assert "sex: 'female' (1 files); the model knows F, M only" in caplog.text


def test_site_is_the_site_of_the_case(tmp_path):
    path = table(tmp_path, ("a.png", "North"), columns=("file", "site"))
    column = TableColumn("site", levels=("North", "South"))
    cases = read_file_attributes(path, [column], FILES[:1])
    assert encode([column], list(cases.values())).tolist() == [[1, 0]]


@pytest.mark.parametrize(
    ("rows", "columns", "message"),
    [
        ([("a.png", 60)], ("file", "age"), "column 'sex' is missing"),
        ([("a.png", 60, "M")], ("path", "age", "sex"), "column 'file' is missing"),
        ([("a.png", "old", "M")], ("file", "age", "sex"), "row 2: column 'age' is 'old'"),
        ([("a.png", "inf", "M")], ("file", "age", "sex"), "row 2: column 'age' is 'inf'"),
        ([("a.png", 1, "M")] * 2, ("file", "age", "sex"), "rows 2 and 3 are both of 'a.png'"),
        ([("c.png", 1, "M")], ("file", "age", "sex"), "names such as 'a.png', and holds 'c.png'"),
        ([], ("file", "age", "sex"), "is empty"),
    ],
)
def test_table_that_does_not_fit_is_refused(tmp_path, rows, columns, message):
    path = write_table(tmp_path / "known.csv", columns, rows)
    with pytest.raises(ConfigError, match=r"^--table: ") as caught:
        read_file_attributes(path, COLUMNS, FILES)
    assert message in str(caught.value)


def test_table_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"--table: there is no file .*nowhere\.csv"):
        read_file_attributes(tmp_path / "nowhere.csv", COLUMNS, FILES)
