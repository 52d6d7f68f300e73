"""What all models share that say something of cases one by one."""

import csv
from argparse import Namespace

import pytest

from datamodules.errors import ConfigError, DataError
from experiments.case_prediction import (
    listed_failures,
    predicted,
    refuse_options,
    tell_failed,
    writing_to,
)


def double(name):
    if name == "cut":
        raise DataError("it ends too early")
    if name == "huge":
        raise MemoryError
    return 2 * name


def options(table=None, features=False, kind=None):
    return Namespace(table=table, features=features, format=kind)


def test_prediction_goes_on_past_what_cannot_be_read_or_held():
    failed = []
    found = dict(predicted(["a", "cut", "huge", "b"], double, failed, "Doubling"))
    assert found == {"a": "aa", "b": "bb"}
    assert failed == [
        {"file": "cut", "reason": "it ends too early"},
        {"file": "huge", "reason": "it needs more memory than there is"},
    ]


def test_other_errors_are_not_passed_over():
    with pytest.raises(TypeError):
        list(predicted([None], double, [], "Doubling"))


def test_failures_are_listed_and_those_of_an_earlier_attempt_are_not(tmp_path, capsys):
    with listed_failures(tmp_path) as failed:
        failed.append({"file": "cut", "reason": "it ends too early"})
    with (tmp_path / "failures.csv").open(newline="") as file:
        assert list(csv.DictReader(file)) == failed
    assert tell_failed(tmp_path, len(failed)) == 3
    assert f"1 could not be: {tmp_path / 'failures.csv'}" in capsys.readouterr().err
    with listed_failures(tmp_path):
        pass
    assert not (tmp_path / "failures.csv").exists()
    assert tell_failed(tmp_path, 0) == 0


def test_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(ConfigError, match=r"cannot write to .*file/out"),
        writing_to(tmp_path / "file" / "out"),
    ):
        pass


def test_options_of_other_models_are_refused():
    refuse_options(options(), "a detector")
    refuse_options(options(kind="png"), "a segmenter", formats=True)
    for given in (options(table="t.csv"), options(features=True), options(kind="png")):
        with pytest.raises(ConfigError, match="a detector takes no --table"):
            refuse_options(given, "a detector")
