from typing import get_args

import pytest

from datamodules.configs.readers import Reader
from datamodules.readers.demo import DemoReader

READERS = [kind for kind in get_args(get_args(Reader)[0]) if kind is not DemoReader]


def reader(kind, root):
    given = {"download": False} if "download" in kind.model_fields else {}
    return kind(root=str(root), **given)


@pytest.mark.parametrize("kind", READERS, ids=lambda kind: kind.__name__)
def test_an_empty_folder_is_a_problem_and_no_case(kind, tmp_path):
    reading = reader(kind, tmp_path).examine()
    assert reading.table is None
    assert reading.problems


@pytest.mark.parametrize("kind", READERS, ids=lambda kind: kind.__name__)
def test_files_in_place_of_what_is_expected_are_problems(kind, tmp_path):
    for name in ("images", "masks", "training", "imagesTr", "dataset.json", "train-rle.csv"):
        (tmp_path / name).write_bytes(b"\x00\xff")
    reading = reader(kind, tmp_path).examine()
    assert reading.table is None
    assert reading.problems
