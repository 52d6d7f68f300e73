import csv
from pathlib import Path

import pytest

from experiments.reporting.content import _without_names
from experiments.run_folder import RunFolder

CASES, PATIENTS = ("film-1", "7", "Jane Doe 2", "x."), ("p1", "1", "O'Brien", "12")


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    with (tmp_path / "splits.csv").open("w", newline="") as file:
        rows = zip(CASES, PATIENTS, ["train"] * 4, strict=True)
        csv.writer(file).writerows([("case_id", "patient_id", "split"), *rows])
    return RunFolder(tmp_path)


@pytest.mark.parametrize(
    "notice",
    [
        "Images of other projections, left out: 13 (COSTAL 1, L 12).",
        "Exams with more than 4 images, of which 4 are used: 7.",
        "The films of film-10 and p12 are drawn.",
        "A case_id and a patient_id are columns.",
        "Images labelled 'exclude', left out: 1.",
    ],
)
def test_notices_with_numbers_and_longer_words_are_shared(folder, notice):
    assert _without_names([notice], folder) == [notice]


@pytest.mark.parametrize(
    "notice",
    [
        "'film-1' (train) excluded: identical to 'z' (val)",
        "Patients 'a', 'p1' share identical images and are kept on one side.",
        "Patients '1', '3' share identical images and are kept on one side.",
        "one of them is film-1.",
        "left out: 3, as Jane Doe 2.",
        "Patient ids of O'Brien and others",
        "(p1)",
        "such as x.: 3",
    ],
)
def test_notices_that_name_a_case_or_a_patient_are_not(folder, notice):
    assert _without_names([notice], folder) == []
