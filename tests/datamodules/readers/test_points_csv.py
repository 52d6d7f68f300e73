import pytest
from fakes import point_files as fake
from fakes.csv_table import write_table
from fakes.nih_chestxray14 import edit
from pydantic import ValidationError

from datamodules.candidates import VolumeCandidate
from datamodules.errors import DataError
from datamodules.problems import Kind
from datamodules.readers.points_csv import PointsCsvReader


@pytest.fixture
def wide(tmp_path):
    return fake.write_wide(tmp_path)


@pytest.fixture
def long(tmp_path):
    return fake.write_long(tmp_path)


def read(root, **settings):
    return PointsCsvReader(root=str(root), **settings).read()


def fault(root, **settings):
    settings = {**fake.WHOSE, **settings}
    (problem,) = PointsCsvReader(root=str(root), **settings).examine().problems
    return problem


def points_of(root, columns, *rows, **settings):
    (root / "a.nii").touch()
    write_table(root / "points.csv", ("image", *columns), [("a.nii", *row) for row in rows])
    return read(root, **settings).cases[0].targets


@pytest.mark.parametrize("write", [fake.write_wide, fake.write_long])
def test_a_row_is_an_image_or_a_landmark(tmp_path, write):
    table = read(write(tmp_path), **fake.WHOSE)
    assert {case.case_id: case.targets["points"] for case in table.cases} == fake.POINTS
    assert table.points == fake.NAMES
    assert [case.patient_id for case in table.cases[:3]] == ["p1", "p1", "p2"]
    assert [case.split for case in table.cases] == list(fake.SIDE_OF.values())


def test_landmarks_in_volumes_have_a_space(tmp_path):
    columns = ("ac_x", "ac_y", "ac_z", "pc_x", "pc_y", "pc_z")
    targets = points_of(tmp_path, columns, (-3, 4, 5.5, "", "", ""), point_space="ras-mm")
    expected = {"ac": VolumeCandidate("ras-mm", (-3, 4, 5.5)), "pc": None}
    assert targets == {"volume_points": expected}
    targets = points_of(tmp_path, ("point", "x", "y", "z"), ("ac", 1, 2, 3))
    assert targets == {"volume_points": {"ac": VolumeCandidate("voxel", (1, 2, 3))}}


def test_row_of_an_image_without_landmarks_says_that_none_is_marked(tmp_path):
    assert points_of(tmp_path, ("point", "x", "y"), ("", "", "")) == {"points": {}}


def test_points_say_the_order_and_which_columns_count(wide):
    assert read(wide, points=("nasion",), **fake.WHOSE).points == ("nasion",)
    assert read(wide, points=("nasion", "sella"), **fake.WHOSE).points == ("nasion", "sella")


def test_spacing_may_be_declared(wide):
    cases = read(wide, pixel_spacing_mm=0.1, **fake.WHOSE).cases
    assert {case.spacing_mm for case in cases} == {(0.1, 0.1)}
    assert {case.spacing_mm for case in read(wide, **fake.WHOSE).cases} == {None}


def test_columns_of_patients_and_splits_are_not_passed_over(wide):
    with pytest.raises(DataError, match=r"--data\.reader\.patient-column patient"):
        read(wide)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("20.5,12.0", "left,12.0", "the landmark sella: its sella_x is 'left'"),
        ("20.5,12.0", ",12.0", "the landmark sella: its sella_x is ''"),
        ("20.5,12.0", "20.5,nan", "the landmark sella 20.5, nan is not made of numbers"),
        ("images/p1_b", "images/p1_a", "of the image of points.csv row 2 again"),
    ],
)
def test_rows_at_fault_are_named(wide, old, new, said):
    edit(wide / "points.csv", old, new)
    problem = fault(wide)
    assert (problem.kind, problem.case_id) == (Kind.POINT, "p1_a")
    assert problem.where.startswith("points.csv row ")
    assert said in problem.message


def test_landmark_given_twice_is_named_with_both_rows(long):
    edit(long / "points.csv", "nasion,50.0", "sella,50.0")
    problem = fault(long)
    assert problem.where == "points.csv row 3"
    assert "the landmark sella is given in points.csv row 2 already" in problem.message


def test_landmark_that_is_none_of_those_named_is_told_with_the_nearest(long):
    edit(long / "points.csv", "sella,20.5", "sela,20.5")
    assert "did you mean 'sella'?" in fault(long, points=fake.NAMES).message


def test_row_that_names_no_landmark_is_a_fault(long):
    edit(long / "points.csv", "sella,20.5", ",20.5")
    problem = fault(long)
    assert (problem.kind, problem.where) == (Kind.LABEL, "points.csv row 2")


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        (("sella_x", "sella_y", "nasion_x"), "column 'nasion_y' is missing"),
        (("point", "x", "Y"), "column 'y' is missing; did you mean 'Y'"),
        (("a", "b"), "neither columns of landmarks such as sella_x and sella_y, nor a column"),
    ],
)
def test_columns_that_lack_are_named(tmp_path, columns, said):
    with pytest.raises(DataError) as refused:
        points_of(tmp_path, columns, (1,) * len(columns))
    assert said in str(refused.value)


def test_space_of_flat_images_is_refused(wide):
    with pytest.raises(DataError, match=r"points\.csv has no z"):
        read(wide, point_space="ras-mm", **fake.WHOSE)


def test_landmark_named_twice_in_the_settings_is_refused():
    with pytest.raises(ValidationError, match="points names something twice"):
        PointsCsvReader(points=("sella", "sella"))


def test_an_image_that_is_not_there_is_named(wide):
    (wide / "images/p1_b.png").unlink()
    problem = fault(wide)
    assert (problem.kind, problem.case_id) == (Kind.MISSING, "p1_b")
