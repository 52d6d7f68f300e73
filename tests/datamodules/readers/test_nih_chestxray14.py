import csv
import gzip
import os
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path

import pytest
from fakes import nih_chestxray14 as fake

from datamodules.configs.splits import SplitConfig
from datamodules.errors import DataError
from datamodules.readers.nih_annotations import FINDINGS, parse_age
from datamodules.readers.nih_chestxray14 import NihChestXray14Reader
from datamodules.splits import assign_splits

ENTRY = "Data_Entry_2017_v2020.csv"


@pytest.fixture
def root(tmp_path):
    return fake.write(tmp_path)


def read(root, **settings):
    return NihChestXray14Reader(root=str(root), **settings).read()


def problems(root, **settings):
    with pytest.raises(DataError) as caught:
        read(root, **settings)
    return caught.value.problems


def test_films_are_found_in_the_numbered_folders(root):
    table = read(root)
    first, second = table.cases[0], table.cases[2]
    assert first.inputs["image"].path == "images_002/images/00000001_000.png"
    assert second.inputs["image"].path == "images_001/images/00000002_000.png"
    assert all((root / case.inputs["image"].path).is_file() for case in table.cases)


def test_findings_patients_and_attributes_are_those_of_the_table(root):
    case = read(root).cases[5]
    assert (case.case_id, case.patient_id) == ("00000003_001", "3")
    positive = [name for name, value in case.targets["findings"].items() if value]
    assert positive == ["Effusion", "Nodule"]
    assert list(case.targets["findings"]) == list(FINDINGS)
    assert case.attributes == {"age": 33.0, "sex": "F", "view": "PA"}


def test_no_finding_is_all_zero(root):
    assert set(read(root).cases[0].targets["findings"].values()) == {0.0}


def test_the_official_lists_become_train_val_and_test(root):
    table = read(root)
    assert Counter(case.split for case in table.cases) == {"train_val": 18, "test": 6}
    assert table.notices == ()


def test_without_the_lists_the_split_is_drawn_with_a_notice(tmp_path):
    table = read(fake.write(tmp_path, lists=False))
    assert {case.split for case in table.cases} == {None}
    assert "train_val_list.txt and test_list.txt are not there" in table.notices[0]


def test_boxes_are_read_although_the_header_is_longer_than_the_rows(root):
    fake.edit(root / "BBox_List_2017.csv", "00000003_000.png,Nodule", "00000003_000.png,Infiltrate")
    table = read(root)
    boxes = {case.case_id: case.targets.get("boxes") for case in table.cases}
    assert table.objects == ("Infiltration", "Nodule")
    assert boxes["00000003_000"] == [("Infiltration", 10.5, 12.0, 20.0, 18.25)]
    assert boxes["00000006_000"] == [("Nodule", 10.5, 12.0, 20.0, 18.25)]
    assert boxes["00000001_000"] is None


def test_gzipped_tables_are_read_too(root):
    before = read(root).cases
    for name in (ENTRY, "BBox_List_2017.csv"):
        (root / f"{name}.gz").write_bytes(gzip.compress((root / name).read_bytes()))
        (root / name).unlink()
    assert read(root).cases == before


def test_a_missing_film_is_named_unless_films_are_not_asked_for(root):
    (root / "images_001/images/00000002_001.png").unlink()
    assert problems(root) == ("row 5, 00000002_001.png: there is no such image",)
    assert len(read(root, require_images=False).cases) == 24


def test_without_most_of_the_films_the_root_is_suspected(root):
    for name in ("images_001", "images_002"):
        (root / name).rename(root / f"{name}_small")
    with pytest.raises(DataError, match=r"24 of 24 images are not there: is --data\.reader\.root"):
        read(root)


def test_a_film_in_two_folders_is_named(root):
    (root / "images").mkdir()
    (root / "images" / "00000002_001.png").touch()
    (problem,) = problems(root)
    assert problem.startswith("00000002_001.png: both images/00000002_001.png and images_001/")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("No Finding,0,1,", "Nodules,0,1,", "'Nodules' is not one of the fourteen findings; did"),
        ("No Finding,0,1,", "No Finding|Mass,0,1,", "'No Finding' is not one of .* beside others"),
        ("No Finding,0,1,", "No Finding,0,7,", "patient id is 7, the image's name says 00000001"),
        ("No Finding,0,1,", "No Finding,0,,", "the patient id '' is no number"),
        ("00000001_000.png", "00000001_001.png", "row 3, .*: the image is in row 2 already"),
        ("00000001_000.png", "../../etc.png", "a character that a file name cannot have"),
    ],
)
def test_a_wrong_row_is_named(root, old, new, says):
    fake.edit(root / ENTRY, old, new)
    with pytest.raises(DataError, match=says):
        read(root)


def test_a_film_in_both_lists_and_one_in_neither_are_named(root):
    fake.edit(root / "test_list.txt", "00000010_000.png", "00000001_000.png")
    assert problems(root) == (
        "00000001_000.png: in both train_val_list.txt and test_list.txt",
        "00000010_000.png: in neither of train_val_list.txt and test_list.txt",
    )


def test_one_list_without_the_other_is_an_error(root):
    (root / "test_list.txt").unlink()
    assert problems(root)[0].endswith("only train_val_list.txt is there; add the other")


@pytest.mark.parametrize("box", ["Nodule,10,12,0,18", "Nodule,-1,12,3,4", "Nodule,a,1,2,3"])
def test_a_degenerate_box_is_named(root, box):
    fake.edit(root / "BBox_List_2017.csv", "Nodule,10.5,12,20,18.25", box)
    with pytest.raises(DataError, match=r"BBox_List_2017.csv row 2, 00000003_000.png: the box"):
        read(root)


def test_an_impossible_age_counts_as_unknown_with_a_notice(root):
    fake.edit(root / ENTRY, ",1,31,", ",1,412,")
    table = read(root)
    assert table.cases[0].attributes["age"] is None
    assert table.notices == ("Ages above 120 years or not a number, counted as unknown: 1.",)


@pytest.mark.parametrize(
    ("cell", "years"), [("58", 58), ("058Y", 58), ("018M", 1.5), ("148", None), ("", None)]
)
def test_ages_are_read_in_years(cell, years):
    assert parse_age(cell) == years


def test_no_table_and_a_table_without_columns_are_said(root):
    fake.edit(root / ENTRY, "Patient ID", "PatientID")
    with pytest.raises(DataError, match="'Patient ID' is missing; did you mean 'PatientID'"):
        read(root)
    (root / ENTRY).unlink()
    with pytest.raises(DataError, match=f"neither {ENTRY} nor"):
        read(root)


def real_root() -> Path:
    root = Path(os.environ["LIGHTBOX_DATA"]) / "nih_cxr_labels"
    if not root.is_dir():
        pytest.skip("nih_cxr_labels is not under LIGHTBOX_DATA")
    return root


@pytest.mark.data
def test_the_published_table_has_the_counts_of_an_independent_reading():
    root = real_root()
    with gzip.open(root / f"{ENTRY}.gz", "rt", newline="") as file:
        rows = list(csv.reader(file))[1:]
    counts = Counter(name for row in rows for name in row[1].split("|"))
    table = read(root, require_images=False)
    ours = Counter(f for c in table.cases for f, held in c.targets["findings"].items() if held)
    assert len(table.cases) == len(rows) == 112_120
    assert ours == {name: counts[name] for name in FINDINGS}
    assert len({case.patient_id for case in table.cases}) == len({row[3] for row in rows}) == 30_805
    clear = sum(not any(case.targets["findings"].values()) for case in table.cases)
    assert clear == counts["No Finding"]
    assert sum(len(case.targets.get("boxes", ())) for case in table.cases) == 984


@pytest.mark.data
def test_no_published_patient_is_on_two_sides():
    table = read(real_root(), require_images=False)
    splits = assign_splits(table, SplitConfig())
    sides = defaultdict(set)
    for case in table.cases:
        sides[case.patient_id].add(splits[case.case_id])
    assert {len(found) for found in sides.values()} == {1}
    shares = Counter(splits.values())
    assert shares["val"] / len(splits) == pytest.approx(0.15, abs=0.01)
    assert shares["test"] / len(splits) == pytest.approx(0.20, abs=0.01)


@pytest.mark.data
def test_reading_and_splitting_all_of_it_takes_less_than_ten_seconds():
    program = (
        "from datamodules.readers.nih_chestxray14 import NihChestXray14Reader as R;"
        "from datamodules.splits import assign_splits; from datamodules.configs.splits import *;"
        f"print(len(assign_splits(R(root={str(real_root())!r}, require_images=False).read(),"
        " SplitConfig())))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=10, check=True
    )
    assert done.stdout.strip() == "112120"
