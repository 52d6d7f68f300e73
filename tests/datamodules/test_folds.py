from collections import Counter, defaultdict
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from datamodules.cases import Case, CaseTable, Source
from datamodules.configs.splits import SplitConfig
from datamodules.errors import DataError
from datamodules.splits import assign_splits, divide
from datamodules.splits_file import read_splits, write_splits


def table_of(rows):
    """Cases c0, c1, ... from (patient, label, official side) rows."""
    cases = []
    for number, (patient, label, side) in enumerate(rows):
        source = {"image": Source(f"{number}.png")}
        cases.append(Case(f"c{number}", patient, source, {"class": label}, split=side))
    return CaseTable("t", Path(), tuple(cases))


def all_folds(table, folds, groups=None, **settings):
    """The sides of all cases, by the fold that is held out."""
    configs = [SplitConfig(folds=folds, fold=n, **settings) for n in range(1, folds + 1)]
    return [assign_splits(table, config, groups) for config in configs]


def held_out(splits):
    return {name for name, side in splits.items() if side == "test"}


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(st.tuples(st.integers(0, 15), st.sampled_from("abc")), min_size=1),
    folds=st.integers(3, 6),
    seed=st.integers(0, 2),
)
def test_whatever_the_table_each_case_is_held_out_once_and_no_patient_is_on_two_sides(
    rows, folds, seed
):
    table = table_of([(f"p{patient}", label, None) for patient, label in rows])
    patients = len({patient for patient, _ in rows})
    if patients < max(3, folds):
        with pytest.raises(DataError, match=rf"too few patients \({patients}\) .* {folds} folds"):
            all_folds(table, folds, seed=seed)
        return
    found = all_folds(table, folds, seed=seed)
    assert Counter(name for splits in found for name in held_out(splits)) == dict.fromkeys(
        (case.case_id for case in table.cases), 1
    )
    for splits in found:
        sides = defaultdict(set)
        for case in table.cases:
            sides[case.patient_id].add(splits[case.case_id])
        assert {len(own) for own in sides.values()} == {1}
        assert set(splits.values()) == {"train", "val", "test"}


def test_two_folds_of_which_one_leaves_a_single_patient_are_refused():
    rows = [("p0", "a", None), ("p1", "a", None), ("p2", "a", None)]
    with pytest.raises(DataError, match="too few patients"):
        all_folds(table_of(rows), 2)


def test_each_fold_has_its_share_of_cases_and_of_each_class():
    rows = [(f"p{n // 3}", "ill" if n % 15 < 3 else "well", None) for n in range(600)]
    table = table_of(rows)
    for splits in all_folds(table, 5):
        counts = Counter((splits[c.case_id], c.targets["class"]) for c in table.cases)
        assert (counts["test", "ill"], counts["test", "well"]) == (24, 96)
        assert counts["val", "ill"] == pytest.approx(0.15 * 96, abs=3)
        assert counts["val", "well"] == pytest.approx(0.15 * 384, abs=3)


def test_folds_of_one_class_differ_by_one_patient_at_most():
    table = table_of([(f"p{n}", "a", None) for n in range(156)])
    sizes = [len(held_out(splits)) for splits in all_folds(table, 5)]
    assert sorted(sizes) == [31, 31, 31, 31, 32]


def test_folds_are_the_same_on_every_machine_and_depend_on_the_seed():
    table = table_of([(f"p{n}", "ab"[n % 2], None) for n in range(8)])
    turned = CaseTable("t", Path(), table.cases[::-1])
    assert all_folds(table, 4) == all_folds(turned, 4)
    assert all_folds(table, 4) != all_folds(table, 4, seed=1)
    assert [sorted(held_out(splits)) for splits in all_folds(table, 4)] == [
        ["c1", "c4"],
        ["c0", "c3"],
        ["c2", "c7"],
        ["c5", "c6"],
    ]


def test_identical_images_are_in_one_fold():
    table = table_of([(f"p{n}", "a", None) for n in range(20)])
    groups = {f"c{n}": (b"same",) if n in (3, 11, 17) else (bytes([n]),) for n in range(20)}
    for splits in all_folds(table, 5, groups):
        assert len({splits[name] for name in ("c3", "c11", "c17")}) == 1


OFFICIAL = [
    *((f"a{n}", "ab"[n % 2], "train") for n in range(12)),
    *((f"b{n}", "ab"[n % 2], "val") for n in range(4)),
    *((f"c{n}", "ab"[n % 2], "test") for n in range(6)),
]


def test_official_test_cases_stay_closed_and_the_others_are_folded():
    table = table_of(OFFICIAL)
    for splits in all_folds(table, 4):
        assert {n for n, side in splits.items() if side == "closed"} == {
            f"c{n}" for n in range(16, 22)
        }
        assert len(held_out(splits)) == 4
    _, notices = divide(table, SplitConfig(folds=4, fold=2), {})
    assert notices[0] == "Fold 2 of 4 is held out as the test split."
    assert notices[1].startswith("The 6 official test cases stay closed")


def test_official_split_that_is_set_aside_is_folded_too():
    found = all_folds(table_of(OFFICIAL), 4, official=False)
    assert len(set().union(*map(held_out, found))) == 22


def test_copies_of_closed_test_cases_are_left_out_of_every_fold():
    hashes = {f"c{n}": (bytes([n]),) for n in range(22)} | {"c20": (bytes([5]),)}
    for fold in (1, 2, 3, 4):
        splits, notices = divide(table_of(OFFICIAL), SplitConfig(folds=4, fold=fold), hashes)
        assert (splits["c5"], splits["c20"]) == ("excluded", "closed")
        assert "excluded: identical to 'c20' (closed)" in notices[-1]


def test_closed_cases_are_read_back(tmp_path):
    table = table_of(OFFICIAL)
    splits = assign_splits(table, SplitConfig(folds=2, fold=1))
    write_splits(tmp_path / "splits.csv", table, splits, {})
    assert read_splits(tmp_path / "splits.csv") == splits


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"folds": 5}, "set together"),
        ({"fold": 1}, "set together"),
        ({"folds": 5, "fold": 6}, "no fold 6 of 5"),
        ({"folds": 1, "fold": 1}, "greater than or equal to 2"),
        ({"folds": 5, "fold": 0}, "greater than or equal to 1"),
    ],
)
def test_folds_that_do_not_fit_together_are_refused(values, message):
    with pytest.raises(ValidationError, match=message):
        SplitConfig(**values)
