from pathlib import Path

import pytest

from datamodules.cases import Case, CaseTable
from datamodules.errors import DataError
from datamodules.problems import TITLES, FaultyCasesError, Kind, Problem, problems_of


def test_a_problem_reads_as_one_line():
    assert str(Problem(Kind.LABEL, "row 3", "it is 7")) == "row 3: it is 7"
    assert str(Problem(Kind.LABEL, "", "it is 7")) == "it is 7"


def test_every_kind_has_a_title():
    assert list(TITLES) == list(Kind)


def test_an_error_is_shown_with_problems_and_plain_lines_alike():
    error = DataError("bad", [Problem(Kind.PATH, "a", "is gone"), "b is gone"])
    assert error.problems == ("a: is gone", "b is gone")
    assert str(error) == "bad\n  - a: is gone\n  - b is gone"


def test_plain_lines_become_problems_of_the_kind_given():
    path = Problem(Kind.PATH, "a", "is gone")
    error = DataError("bad", [path, "b is gone"])
    assert problems_of(error) == [path, Problem(Kind.LAYOUT, "", "b is gone")]
    assert problems_of(DataError("bad"), Kind.SPLIT) == [Problem(Kind.SPLIT, "", "bad")]


def test_repeated_ids_leave_the_first_case_of_each():
    cases = tuple(Case(name, patient, {}) for name, patient in ("ap", "bq", "ar"))
    with pytest.raises(FaultyCasesError) as caught:
        CaseTable("mine", Path(), cases)
    assert caught.value.rest.cases == cases[:2]
