import math

import numpy as np
import pytest
import torch

from datamodules.errors import ConfigError
from experiments.rows_file import read_rows, write_rows

ROWS = [
    {"case_id": "ü/1", "patient_id": "p", "scores": [0.1 + 0.2, 1e-300], "targets": [None, 1.0]},
    {"case_id": "b", "patient_id": "p", "structures": {"liver": {"tp": 3, "hd95": None}}},
]


def test_rows_read_back_exactly(tmp_path):
    write_rows(tmp_path / "rows" / "test.json", ROWS)
    assert read_rows(tmp_path / "rows" / "test.json") == ROWS
    assert [path.name for path in tmp_path.rglob("*.*")] == ["test.json"]


def test_no_rows_are_an_empty_list(tmp_path):
    write_rows(tmp_path / "test.json", [])
    assert read_rows(tmp_path / "test.json") == []


def test_numbers_of_ones_own_module_become_plain_ones(tmp_path):
    rows = [{"a": np.float32(0.5), "b": torch.tensor([1, 2]), "c": math.nan}]
    write_rows(tmp_path / "test.json", rows)
    (row,) = read_rows(tmp_path / "test.json")
    assert (row["a"], row["b"], math.isnan(row["c"])) == (0.5, [1, 2], True)


def test_row_that_is_not_plain_is_refused_and_leaves_no_file(tmp_path):
    with pytest.raises(ConfigError, match="leaves a set in its rows"):
        write_rows(tmp_path / "test.json", [{"a": {1, 2}}])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", [None, "[{"])
def test_missing_or_damaged_file_is_one_message(tmp_path, text):
    if text is not None:
        (tmp_path / "test.json").write_text(text)
    with pytest.raises(ConfigError, match=r"cannot read .*test\.json"):
        read_rows(tmp_path / "test.json")
