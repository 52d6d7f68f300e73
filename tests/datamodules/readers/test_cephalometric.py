import os
from pathlib import Path

import numpy as np
import pytest
from fakes import cephalometric as fake
from fakes.nih_chestxray14 import edit

from datamodules.errors import DataError
from datamodules.problems import Kind
from datamodules.readers.cephalometric import CephalometricReader
from datamodules.readers.cephalometric_marks import LANDMARKS

WRITERS = [fake.write_challenge, fake.write_tables]


def reader(root, **settings):
    return CephalometricReader(root=str(root), **settings)


def only_fault(root):
    (problem,) = reader(root).examine().problems
    return problem


@pytest.mark.parametrize("write", WRITERS)
def test_truth_is_the_mean_and_both_readings_stand_beside_it(tmp_path, write):
    table = reader(write(tmp_path)).read()
    targets = table.cases[0].targets
    x, y = fake.PLACES[1]
    assert table.points == tuple(targets["points"]) == LANDMARKS
    assert targets["points"]["nasion"] == (x + 1, y)
    readings = {name: points["nasion"] for name, points in targets["readings"].items()}
    assert readings == {"senior": (x, y), "second": (x + 2, y)}


@pytest.mark.parametrize("write", WRITERS)
def test_truth_may_be_one_doctors(tmp_path, write):
    targets = reader(write(tmp_path), annotator="senior").read().cases[0].targets
    x, y = fake.PLACES[0]
    assert targets["points"]["sella"] == (x, y)
    readings = {name: points["sella"] for name, points in targets["readings"].items()}
    assert readings == {"second": (x + 2, y), "mean": (x + 1, y)}


def test_number_says_the_official_side_and_the_set(tmp_path):
    cases = reader(fake.write_challenge(tmp_path)).read().cases
    known = {case.case_id: (case.split, case.attributes["set"]) for case in cases}
    assert known == {
        "001": ("train_val", "train"),
        "002": ("train_val", "train"),
        "150": ("train_val", "train"),
        "151": ("test", "test1"),
        "300": ("test", "test1"),
        "301": ("test", "test2"),
    }
    assert {case.spacing_mm for case in cases} == {(0.1, 0.1)}


def test_one_of_the_test_sets_may_be_asked_for(tmp_path):
    table = reader(fake.write_challenge(tmp_path), test="test2").read()
    assert [case.case_id for case in table.cases] == ["001", "002", "150", "301"]


def test_image_that_one_doctor_has_marked_has_his_marks(tmp_path):
    (fake.write_challenge(tmp_path) / "400_junior/002.txt").unlink()
    table = reader(tmp_path).read()
    assert table.cases[1].targets["points"]["sella"] == fake.PLACES[0]
    assert table.notices == ("Images that only one of the two doctors has marked: 1.",)
    unmarked = reader(tmp_path, annotator="second").read().cases[1].targets
    assert ("points" in unmarked, list(unmarked["readings"])) == (False, ["senior"])


def test_missing_image_of_a_set_that_is_there_is_named(tmp_path):
    (fake.write_challenge(tmp_path) / "RawImage/Test1Data/151.bmp").unlink()
    problem = only_fault(tmp_path)
    assert (problem.kind, problem.case_id) == (Kind.MISSING, "151")


def test_set_without_images_is_left_out(tmp_path):
    (fake.write_challenge(tmp_path) / "RawImage/Test2Data/301.bmp").unlink()
    assert len(reader(tmp_path).read().cases) == 5


def test_images_without_marks_are_counted(tmp_path):
    fake.write_challenge(tmp_path)
    for reading in ("senior", "junior"):
        (tmp_path / f"400_{reading}/002.txt").unlink()
    table = reader(tmp_path).read()
    assert len(table.cases) == 5
    assert table.notices == ("Images that nobody has marked, left out: 1.",)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("3,5\n", "3\n", "the landmark sella: there are not two numbers"),
        ("3,5\n", "3,down\n", "the landmark sella: its y is 'down'"),
        ("3,5\n4,7\n5,9\n6,11\n", "", "it has 18 lines, and there are 19 landmarks"),
    ],
)
def test_lines_at_fault_are_named(tmp_path, old, new, said):
    edit(fake.write_challenge(tmp_path) / "400_senior/001.txt", old, new)
    problem = only_fault(tmp_path)
    assert (problem.kind, problem.case_id) == (Kind.POINT, "001")
    assert problem.where.startswith("400_senior/001.txt")
    assert said in problem.message


def test_image_listed_twice_is_named_with_both_rows(tmp_path):
    edit(fake.write_tables(tmp_path) / "train_senior.csv", "002.png", "001.png")
    problem = only_fault(tmp_path)
    assert problem.where == "train_senior.csv row 3"
    assert "stands in train_senior.csv row 2 already" in problem.message


def test_row_of_another_image_is_named(tmp_path):
    edit(fake.write_tables(tmp_path) / "train_senior.csv", "002.png", "900.png")
    assert "'900' is no image of the challenge" in only_fault(tmp_path).message


def test_another_folder_is_refused(tmp_path):
    with pytest.raises(DataError, match="is this the dataset's folder"):
        reader(tmp_path).read()


@pytest.mark.data
def test_readings_differ_as_much_as_a_table_program_says():
    if not (Path(os.environ["LIGHTBOX_DATA"]) / "cephalometric").is_dir():
        pytest.skip("cephalometric is not under LIGHTBOX_DATA")
    cases = CephalometricReader().read().cases
    assert [case.split for case in cases] == ["train_val"] * 150 + ["test"] * 25
    pairs = [
        [list(case.targets["readings"][name].values()) for name in ("senior", "second")]
        for case in cases
    ]
    apart = np.linalg.norm(np.subtract(*np.moveaxis(np.array(pairs), 1, 0)), axis=-1) * 0.1
    assert apart.mean() == pytest.approx(1.18406, abs=1e-5)  # computed with pandas
