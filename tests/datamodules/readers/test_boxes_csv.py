import pytest
from fakes import box_files as fake
from fakes.csv_table import write_table
from fakes.nih_chestxray14 import edit
from pydantic import ValidationError

from datamodules.candidates import VolumeCandidate
from datamodules.errors import DataError
from datamodules.problems import Kind
from datamodules.readers.boxes_csv import BoxesCsvReader

WHOSE = {"patient_column": "patient", "split_column": "split"}


@pytest.fixture
def root(tmp_path):
    return fake.write_boxes_csv(tmp_path)


def read(root, **settings):
    return BoxesCsvReader(root=str(root), **settings).read()


def fault(root, **settings):
    (problem,) = BoxesCsvReader(root=str(root), **WHOSE, **settings).examine().problems
    return problem


def box_of(root, columns, numbers, **settings):
    (root / "a.nii").touch()
    write_table(root / "boxes.csv", ("image", *columns), [("a.nii", *numbers)])
    settings = {"label_column": None, "box_columns": columns, **settings}
    targets = read(root, **settings).cases[0].targets
    return (targets.get("boxes") or targets["volume_boxes"])[0]


def test_rows_of_an_image_are_its_boxes_and_an_empty_row_says_there_are_none(root):
    table = read(root, **WHOSE)
    assert {case.case_id: case.targets["boxes"] for case in table.cases} == fake.BOXES
    assert table.objects == fake.LABELS
    assert [case.patient_id for case in table.cases[:3]] == ["p1", "p1", "p2"]
    assert [case.split for case in table.cases] == ["train"] * 4 + ["val", "test"]


@pytest.mark.parametrize(
    ("form", "numbers"),
    [
        ("corner-size", (10, 20, 6, 8)),
        ("corners", (10, 20, 16, 28)),
        ("centre-size", (13, 24, 6, 8)),
    ],
)
def test_all_forms_of_a_box_mean_the_same(tmp_path, form, numbers):
    box = box_of(tmp_path, ("a", "b", "c", "d"), numbers, box_form=form)
    assert box == ("object", 10, 20, 6, 8)


def test_boxes_in_volumes_have_three_axes_and_a_space(tmp_path):
    columns = ("x", "y", "z", "width", "depth", "height")
    box = box_of(tmp_path, columns, (-3, 4, 5, 6, 7, 8), box_space="ras-mm")
    assert box == ("object", VolumeCandidate("ras-mm", (-3, 4, 5), (6, 7, 8)))


def test_a_middle_and_a_diameter_are_a_cube_or_a_square(tmp_path):
    form = {"box_form": "centre-diameter"}
    volume = box_of(tmp_path, ("x", "y", "z", "d"), (1, 2, 3, 4), box_space="lps-mm", **form)
    assert volume == ("object", VolumeCandidate("lps-mm", (-1, 0, 1), (4, 4, 4)))
    assert box_of(tmp_path, ("x", "y", "d"), (10, 20, 4), **form) == ("object", 8, 18, 4, 4)


@pytest.mark.parametrize(
    "settings",
    [
        {"box_columns": ("x", "y")},
        {"box_form": "centre-diameter", "box_columns": ("a", "b", "c", "d", "e", "f")},
        {"box_columns": ("x", "x", "y", "z")},
        {"box_space": "ras-mm"},
    ],
)
def test_columns_that_are_no_box_are_refused(settings):
    with pytest.raises(ValidationError, match="box_"):
        BoxesCsvReader(**settings)


def test_columns_of_patients_and_splits_are_not_passed_over(root):
    with pytest.raises(DataError, match=r"--data\.reader\.patient-column patient"):
        read(root)


def test_regions_that_do_not_count_are_marked_in_a_column(tmp_path):
    fake.write_pictures(tmp_path)
    columns = ("image", "label", "x", "y", "width", "height", "crowd")
    rows = [("images/p1_a.png", "cell", 1, 2, 3, 4, 0), ("images/p1_a.png", "", 5, 6, 7, 8, 1)]
    write_table(tmp_path / "boxes.csv", columns, rows)
    targets = read(tmp_path, ignored_column="crowd").cases[0].targets
    assert targets == {"boxes": [("cell", 1, 2, 3, 4)], "ignored_boxes": [("", 5, 6, 7, 8)]}


@pytest.mark.parametrize(
    ("old", "new", "kind", "said"),
    [
        ("10.0,12.0,20.0", "ten,12.0,20.0", Kind.BOX, "its x is 'ten'"),
        ("10.0,12.0,20.0", ",12.0,20.0", Kind.BOX, "its x is ''"),
        ("10.0,12.0,20.0", "10.0,12.0,inf", Kind.BOX, "not made of numbers"),
        ("cell,10.0", ",10.0", Kind.LABEL, "does not say what the box is drawn around"),
        ("20.0,8.0,p1,train", "20.0,8.0,p1,val", Kind.LAYOUT, "column 'split' is 'train'"),
    ],
)
def test_rows_at_fault_are_named(root, old, new, kind, said):
    edit(root / "boxes.csv", old, new)
    problem = fault(root)
    assert (problem.kind, problem.case_id) == (kind, "p1_a")
    assert problem.where.startswith("boxes.csv row ")
    assert said in problem.message


def test_a_label_that_is_none_of_the_classes_is_named(root):
    edit(root / "boxes.csv", "cell,10.0", "cel,10.0")
    assert "did you mean 'cell'?" in fault(root, classes=("dust", "cell")).message


def test_classes_say_the_order(root):
    assert read(root, classes=("dust", "cell"), **WHOSE).objects == ("dust", "cell")


def test_a_row_without_a_box_beside_one_with_a_box_is_a_fault(root):
    with (root / "boxes.csv").open("a") as file:
        file.write("images/p1_a.png,,,,,,p1,train\n")
    assert "it has no box, and other rows of this image" in fault(root).message


def test_an_image_that_is_not_there_is_named(root):
    (root / "images/p1_b.png").unlink()
    problem = fault(root)
    assert (problem.kind, problem.case_id) == (Kind.MISSING, "p1_b")


def test_a_box_given_twice_is_left_out_and_named_with_both_rows(root):
    with (root / "boxes.csv").open("a") as file:
        file.write("images/p2_a.png,cell,30,5,10,10,p2,train\n")
    (warning,) = read(root, **WHOSE).warnings
    assert warning.where == "boxes.csv row 9"
    assert "is that of boxes.csv row 5 again" in warning.message
