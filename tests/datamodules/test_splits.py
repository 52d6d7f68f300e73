from collections import Counter, defaultdict
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datamodules.cases import Case, CaseTable, Source
from datamodules.configs.splits import SplitConfig
from datamodules.errors import ConfigError, DataError
from datamodules.splits import (
    assign_splits,
    check_content,
    divide,
    has_official_split,
    shared_content,
)
from datamodules.splits_file import read_splits, write_splits


def table_of(rows, findings=False):
    """Cases from (patient, label, split, site) rows; a missing tail of a row is None."""
    cases = []
    for number, row in enumerate(rows):
        patient, label, split, site = (*row, None, None, None)[:4]
        targets = {"findings": label} if findings else {"class": label} if label else {}
        source = {"image": Source(f"{number}.png")}
        cases.append(Case(f"c{number}", patient, source, targets, site, split=split))
    return CaseTable("t", Path(), tuple(cases))


def many(patients=200, films=3, **extra):
    rows = [(f"p{n}", "ill" if n % 5 == 0 else "well") for n in range(patients)]
    return table_of([row for row in rows for _ in range(films)], **extra)


def sides_of_patients(table, splits):
    sides = defaultdict(set)
    for case in table.cases:
        sides[case.patient_id].add(splits[case.case_id])
    return sides


@pytest.mark.parametrize(("sides", "said"), [("train val", True), ("train val test", False)])
def test_test_cases_drawn_from_an_official_training_set_are_said(sides, said):
    rows = [(f"p{n}", "ab"[n % 2], side) for n in range(8) for side in [sides.split()[n % 2]]]
    rows += [("q", "a", sides.split()[-1])]
    _, notices = divide(table_of(rows), SplitConfig(), {})
    assert [notice for notice in notices if "no test cases" in notice] == notices
    assert bool(notices) is said


def test_shares_and_strata_are_as_asked():
    table = many()
    splits = assign_splits(table, SplitConfig(val_fraction=0.15, test_fraction=0.2))
    counts = Counter((case.targets["class"], splits[case.case_id]) for case in table.cases)
    assert [counts["ill", side] for side in ("train", "val", "test")] == [78, 18, 24]
    assert [counts["well", side] for side in ("train", "val", "test")] == [312, 72, 96]


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(
        st.tuples(st.integers(0, 20), st.sampled_from([None, "a", "b", "c"])), min_size=1
    ),
    seed=st.integers(0, 3),
)
def test_whatever_the_table_no_patient_is_on_two_sides_and_no_side_is_empty(rows, seed):
    table = table_of([(f"p{patient}", label) for patient, label in rows])
    if len({patient for patient, _ in rows}) < 3:
        with pytest.raises(DataError, match="too few"):
            assign_splits(table, SplitConfig(seed=seed))
        return
    splits = assign_splits(table, SplitConfig(seed=seed))
    assert splits.keys() == {case.case_id for case in table.cases}
    assert {len(sides) for sides in sides_of_patients(table, splits).values()} == {1}
    assert set(splits.values()) == {"train", "val", "test"}


def test_the_split_depends_on_the_seed_and_not_on_the_order():
    table = many(60)
    turned = CaseTable("t", Path(), table.cases[::-1])
    assert assign_splits(table, SplitConfig()) == assign_splits(turned, SplitConfig())
    assert assign_splits(table, SplitConfig()) != assign_splits(table, SplitConfig(seed=1))


def test_the_split_is_the_same_on_every_machine():
    splits = assign_splits(many(12, films=1), SplitConfig())
    assert {name for name, side in splits.items() if side == "val"} == {"c8"}
    assert {name for name, side in splits.items() if side == "test"} == {"c1", "c3", "c10"}


def test_each_site_is_divided_when_asked():
    table = table_of([(f"p{n}", "well", None, "ABCD"[n % 4]) for n in range(80)])
    splits = assign_splits(table, SplitConfig(by_site=True, test_fraction=0.25, val_fraction=0.25))
    counts = Counter((case.site, splits[case.case_id]) for case in table.cases)
    assert set(counts.values()) == {5, 10}


def test_many_small_strata_do_not_add_up_their_rounding():
    rows = [(f"p{n}", "well", None, f"site{n // 3}") for n in range(300)]
    splits = assign_splits(table_of(rows), SplitConfig(by_site=True))
    counts = Counter(splits.values())
    assert (counts["val"], counts["test"]) == (
        pytest.approx(45, abs=12),
        pytest.approx(60, abs=12),
    )


def test_a_rare_finding_is_in_every_side():
    rows = [(f"p{n}", {"rare": float(n < 6), "common": float(n % 2)}) for n in range(300)]
    table = table_of(rows, findings=True)
    splits = assign_splits(table, SplitConfig())
    rare = Counter(splits[c.case_id] for c in table.cases if c.targets["findings"]["rare"])
    assert all(rare[side] >= 1 for side in ("train", "val", "test"))


def test_cases_without_any_label_are_divided_too():
    table = table_of([(f"p{n}", {"a": None}) for n in range(100)], findings=True)
    counts = Counter(assign_splits(table, SplitConfig()).values())
    assert counts == {"train": 65, "val": 15, "test": 20}


OFFICIAL = [
    *((f"a{n}", "well", "train") for n in range(50)),
    *((f"b{n}", "ill", "test") for n in range(20)),
]


def test_validation_is_drawn_from_the_official_training_cases():
    table = table_of(OFFICIAL)
    splits = assign_splits(table, SplitConfig(val_fraction=0.2))
    official = {case.case_id for case in table.cases if case.split == "test"}
    assert {name for name, side in splits.items() if side == "test"} == official
    assert Counter(splits.values()) == {"train": 40, "val": 10, "test": 20}


def test_train_val_is_divided_by_patient():
    rows = [(f"a{n // 2}", "well", "train_val") for n in range(60)] + OFFICIAL[50:]
    table = table_of(rows)
    splits = assign_splits(table, SplitConfig(val_fraction=0.2))
    assert Counter(splits.values()) == {"train": 48, "val": 12, "test": 20}
    assert {len(sides) for sides in sides_of_patients(table, splits).values()} == {1}


def test_a_complete_official_split_is_kept_as_it_is():
    table = table_of([*OFFICIAL, ("c", "well", "val")])
    splits = assign_splits(table, SplitConfig())
    assert splits == {case.case_id: case.split for case in table.cases}


def test_the_official_split_can_be_set_aside():
    table, config = table_of(OFFICIAL), SplitConfig(official=False)
    assert has_official_split(table, SplitConfig())
    assert not has_official_split(table, config)
    drawn = Counter(assign_splits(table, config)[f"c{n}"] for n in range(50, 70))
    assert set(drawn) == {"train", "val", "test"}


def test_a_patient_on_two_sides_of_an_official_split_is_named_with_the_cases():
    rows = [*OFFICIAL, ("a7", "well", "test")]
    with pytest.raises(DataError, match="patients are on two sides") as caught:
        assign_splits(table_of(rows), SplitConfig())
    assert caught.value.problems == ("patient 'a7': case 'c7' in train, case 'c70' in test",)


def test_a_case_without_an_official_side_among_others_is_named():
    with pytest.raises(DataError, match="others none") as caught:
        assign_splits(table_of([*OFFICIAL, ("x", "well", None)]), SplitConfig())
    assert caught.value.problems == ("c70",)


def test_an_official_split_without_training_cases_is_refused():
    with pytest.raises(DataError, match="no training cases"):
        assign_splits(table_of(OFFICIAL[50:]), SplitConfig())


def test_fractions_that_leave_nothing_are_refused():
    with pytest.raises(ConfigError, match="leave nothing to train on"):
        assign_splits(many(), SplitConfig(val_fraction=0.6, test_fraction=0.5))


def test_patients_who_share_content_are_drawn_together_and_noticed():
    table = many(40, films=1)
    groups = {f"c{n}": bytes([n // 4]) for n in range(40)}
    splits = assign_splits(table, SplitConfig(), groups)
    for first in range(0, 40, 4):
        assert len({splits[f"c{first + n}"] for n in range(4)}) == 1
    assert shared_content(table, groups)[0].startswith(
        "Patients 'p0', 'p1', 'p2', 'p3' share identical"
    )
    assert check_content(splits, groups, official=False) == (splits, [])


def test_content_links_patients_over_several_steps():
    table = table_of([("p0", "a"), ("p1", "a"), ("p1", "a"), ("p2", "a"), ("q", "a"), ("r", "a")])
    groups = {"c0": "x", "c1": "x", "c2": "y", "c3": "y"}
    splits = assign_splits(table, SplitConfig(), groups)
    assert len({splits[f"c{n}"] for n in range(4)}) == 1


def test_copies_across_a_drawn_split_stop_the_run_with_the_names():
    splits = {"a": "train", "b": "test", "c": "val"}
    with pytest.raises(DataError) as caught:
        check_content(splits, {"a": "x", "b": "x", "c": "y"}, official=False)
    assert caught.value.problems == ("'a' (train) = 'b' (test)",)


def test_copies_across_an_official_split_are_kept_in_test_before_val_before_train():
    splits = {"a": "train", "b": "val", "c": "test", "d": "train", "e": "val", "f": "train"}
    hashes = {"a": "x", "b": "x", "c": "x", "d": "y", "e": "y", "f": "z"}
    checked, warnings = check_content(splits, hashes, official=True)
    assert checked == splits | {"a": "excluded", "b": "excluded", "d": "excluded"}
    assert warnings == [
        "'a' (train), 'b' (val) excluded: identical to 'c' (test)",
        "'d' (train) excluded: identical to 'e' (val)",
    ]


def test_copies_on_one_side_are_nobodys_business():
    splits = {"a": "train", "b": "train", "c": "test"}
    assert check_content(splits, {"a": "x", "b": "x"}, official=False) == (splits, [])


def test_a_written_split_reads_back(tmp_path):
    table = table_of([("p,1", "a"), ("p\n2", "a"), ("ü", "a")])
    splits = {"c0": "train", "c1": "excluded", "c2": "test"}
    write_splits(tmp_path / "splits.csv", table, splits, {"c0": (b"\x0f", b"\x10"), "c2": "x"})
    assert read_splits(tmp_path / "splits.csv") == splits
    lines = (tmp_path / "splits.csv").read_text().splitlines()
    assert (lines[1], lines[-1]) == ('c0,"p,1",train,0f 10', "c2,ü,test,x")
    assert [path.name for path in tmp_path.iterdir()] == ["splits.csv"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "does not begin with the columns"),
        ("case_id,split\na,train\n", "does not begin with the columns"),
        ("case_id,patient_id,split\na,p,training\n", "row 2: 'a,p,training'"),
        ("case_id,patient_id,split\na,p\n", "row 2: 'a,p'"),
        ("case_id,patient_id,split\na,p,val\na,p,val\n", "occurs more than once"),
        ("case_id,patient_id,split\na,p,val\nb,p,test\n", "patient 'p' is in test and in val"),
    ],
)
def test_a_damaged_split_file_is_refused(tmp_path, text, says):
    (tmp_path / "splits.csv").write_text(text)
    with pytest.raises(DataError, match=says):
        read_splits(tmp_path / "splits.csv")


def test_an_absent_split_file_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"cannot read splits\.csv"):
        read_splits(tmp_path / "splits.csv")


def test_images_with_a_rare_object_are_on_every_side():
    boxed = [
        Case(
            f"c{n}",
            f"p{n}",
            {"image": Source(f"{n}.png")},
            {"boxes": [("nodule", 1, 1, 5, 5)] if n % 10 == 0 else []},
        )
        for n in range(100)
    ]
    splits = assign_splits(CaseTable("t", Path(), tuple(boxed)), SplitConfig())
    sides = Counter(splits[case.case_id] for case in boxed if case.targets["boxes"])
    assert set(sides) == {"train", "val", "test"}
