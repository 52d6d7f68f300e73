from dataclasses import replace
from pathlib import Path

import pytest

from datamodules.candidates import select_box
from datamodules.cases import Case, CaseTable, Source
from datamodules.configs.splits import SplitConfig
from datamodules.doctor.division import examine_division
from datamodules.errors import ConfigError
from datamodules.problems import Kind, Problem
from datamodules.splits import assign_splits, divide


def table_of(*rows, **facts):
    """Cases c0, c1, ... from (patient, side, class) rows."""
    cases = [
        Case(f"c{n}", patient, {"image": Source(f"{n}.png")}, {"class": label}, split=side)
        for n, (patient, side, label) in enumerate(rows)
    ]
    return CaseTable("t", Path(), tuple(cases), **facts)


OFFICIAL = [(f"p{n}", ("train", "train", "val", "test")[n % 4], "ab"[n % 2]) for n in range(16)]


def examine(table, hashes=None, found=()):
    return examine_division(table, SplitConfig(), hashes or {}, found)


def test_a_sound_division_is_that_of_a_run():
    table = table_of(*((f"p{n}", None, "ab"[n % 2]) for n in range(30)))
    assert examine(table) == (assign_splits(table, SplitConfig()), [])


def test_every_patient_on_two_sides_is_named_and_the_others_are_divided():
    rows = [*OFFICIAL, ("p0", "test", "a"), ("p1", "val", "a")]
    splits, problems = examine(table_of(*rows))
    assert [str(problem) for problem in problems] == [
        "patient 'p0': case 'c0' in train, case 'c16' in test",
        "patient 'p1': case 'c1' in train, case 'c17' in val",
    ]
    assert splits["c2"] == "val"


def test_a_case_without_side_is_named_unless_that_is_known():
    table = table_of(*OFFICIAL, ("q", None, "a"))
    assert [problem.case_id for problem in examine(table)[1]] == ["c16"]
    known = Problem(Kind.SPLIT, "row 17", "in neither list", case_id="c16")
    assert examine(table, found=[known])[1] == []


def test_a_patient_who_is_not_known_is_on_no_two_sides():
    table = table_of(*OFFICIAL, ("p0", "test", "a"))
    known = Problem(Kind.PATIENT, "row 17", "no number", case_id="c16")
    assert examine(table, found=[known])[1] == []


def test_too_few_patients_are_a_problem():
    splits, problems = examine(table_of(("p", None, "a"), ("p", None, "b")))
    assert splits == {}
    assert "too few patients (1)" in problems[0].message


def test_fractions_that_leave_nothing_are_a_setting_that_is_wrong():
    with pytest.raises(ConfigError, match="leave nothing"):
        examine_division(
            table_of(*OFFICIAL),
            SplitConfig(official=False, val_fraction=0.6, test_fraction=0.6),
            {},
            (),
        )


# Identical images


def test_copies_across_an_official_split_are_left_out_as_a_run_does():
    table = table_of(*OFFICIAL)
    hashes = {f"c{n}": (bytes([n]),) for n in range(16)} | {"c0": (b"\3",), "c1": (b"\3",)}
    splits, (problem,) = examine(table, hashes)
    assert splits == divide(table, SplitConfig(), hashes)[0]
    assert (problem.kind, problem.severity) == (Kind.COPIES_ACROSS, "warning")
    assert str(problem) == (
        "'c0' (train) = 'c1' (train) = 'c3' (test): the same image of the patients p0, p1, p3"
        " with different labels; a run leaves out c0, c1"
    )


def test_copies_on_one_side_are_named_with_their_side():
    table = replace(table_of(*OFFICIAL), has_patients=False)
    problem = examine(table, {"c0": (b"x",), "c4": (b"x",)})[1][0]
    assert (problem.kind, str(problem)) == (
        Kind.COPIES,
        "'c0' (train) = 'c4' (train): the same image",
    )


def test_a_copy_of_a_case_at_fault_is_found_all_the_same():
    table = table_of(*OFFICIAL, ("p0", "test", "a"))
    kinds = [each.kind for each in examine(table, {"c0": (b"x",), "c2": (b"x",)})[1]]
    assert kinds == [Kind.TWO_SIDES, Kind.COPIES_ACROSS]


def test_of_many_copies_ten_are_named():
    table = table_of(*((f"q{n}", "train", "a") for n in range(30)), *OFFICIAL)
    where = examine(table, {f"c{n}": (b"x",) for n in range(30)})[1][0].where
    assert where.endswith("'c9' (train) = 20 more")


def test_candidates_of_one_image_are_no_copies():
    box, point = select_box((0, 0, 4, 4)), select_box((5, 5, 0, 0))
    table = table_of(*OFFICIAL)
    cases = [
        replace(case, inputs={"image": Source("one.png", (box, point)[n % 2])})
        for n, case in enumerate(table.cases)
    ]
    table = replace(table, cases=tuple(cases))
    assert examine(table, {"c0": (b"x",), "c1": (b"x",)})[1] == []
    assert examine(table, {"c0": (b"x",), "c2": (b"x",)})[1][0].kind is Kind.COPIES_ACROSS
