import pytest
from fakes import slides
from pydantic import ValidationError

from datamodules.errors import DataError
from datamodules.problems import Kind
from datamodules.readers.slides_csv import SlidesCsvReader
from datamodules.transforms.slide_reading import open_slide

COLUMNS = ("slide", "label", "patient")


def reader(root, columns, *rows, **settings):
    slides.write_table(root / "labels.csv", columns, rows)
    return SlidesCsvReader(root=str(root), **settings)


def test_a_table_becomes_cases_with_everything_it_knows(tmp_path):
    slides.write(tmp_path)
    settings = {"patient_column": "patient", "site_column": "site", "labels_of": "patient"}
    table = SlidesCsvReader(root=str(tmp_path), **settings).read()
    case = table.cases[1]
    assert (len(table.cases), table.classes, table.has_patients) == (15, ("normal", "tumour"), True)
    assert (case.case_id, case.patient_id, case.site) == ("s00b", "p00", "B")
    assert case.inputs["slide"].path == "slides/s00b.tif"
    assert case.targets == {"class": "normal"}


def test_the_slides_of_the_fake_open(tmp_path):
    with open_slide(slides.write_slide(tmp_path / "a.tif", tumour=True)) as slide:
        assert (slide.size, slide.um_per_pixel) == (slides.SIZE, slides.UM_PER_PIXEL)


def test_slides_that_no_row_names_are_counted(tmp_path):
    slides.touch(tmp_path, "a.svs", "b.svs", "c.svs", "overview.png")
    table = reader(tmp_path, COLUMNS[:2], ("a", "x"), ("b", "y")).read()
    assert table.notices[-1] == "Slides that no row names, left out: 1."


def test_names_of_two_folders_are_told_apart_by_their_paths(tmp_path):
    slides.touch(tmp_path, "x/a.svs", "y/a.svs")
    table = reader(tmp_path, COLUMNS[:2], ("x/a", "p"), ("y/a.svs", "q")).read()
    assert [case.case_id for case in table.cases] == ["x__a", "y__a"]


def test_every_fault_is_named_and_the_rest_is_kept(tmp_path):
    slides.touch(tmp_path, "a.svs", "b.svs", "b.tif", "c.svs", "d.svs")
    rows = [("a", "x", "1"), ("b", "y", "2"), ("c", "", "3"), ("e", "x", "4"), ("c.svs", "x", "3")]
    reading = reader(tmp_path, COLUMNS, *rows, patient_column="patient").examine()
    assert [(problem.kind, problem.where[:5]) for problem in reading.problems] == [
        (Kind.PATH, "row 3"),
        (Kind.MISSING, "row 5"),
        (Kind.CASE_ID, ""),
        (Kind.LABEL, "row 4"),
    ]
    assert "'c' occurs more than once: rows 4, 6" in str(reading.problems[2])
    assert [bool(case.inputs) for case in reading.table.cases] == [True, False, True, False]


def test_slides_of_a_patient_may_differ_unless_labels_are_of_the_patient(tmp_path):
    slides.touch(tmp_path, "a.svs", "b.svs", "c.svs")
    rows = [("a", "x", "1"), ("b", "y", "1"), ("c", "x", "2")]
    assert reader(tmp_path, COLUMNS, *rows, patient_column="patient").read().cases
    reading = SlidesCsvReader(
        root=str(tmp_path), patient_column="patient", labels_of="patient"
    ).examine()
    (problem,) = reading.problems
    assert str(problem).startswith("patient '1' has the labels 'x' and 'y' (rows 2, 3);")
    assert [dict(case.targets) for case in reading.table.cases] == [{}, {}, {"class": "x"}]


def test_a_finding_in_which_slides_of_a_patient_differ_is_named(tmp_path):
    slides.touch(tmp_path, "a.svs", "b.svs")
    rows = [("a", 1, 0, "1"), ("b", 1, 1, "1")]
    settings = {"label_columns": ("er", "pr"), "patient_column": "p", "labels_of": "patient"}
    (problem,) = reader(tmp_path, ("slide", "er", "pr", "p"), *rows, **settings).examine().problems
    assert "patient '1' has the labels 0 and 1 in pr (rows 2, 3)" in str(problem)


def test_labels_of_patients_need_patients():
    with pytest.raises(ValidationError, match="needs a patient_column"):
        SlidesCsvReader(labels_of="patient")


def test_outlines_are_found_like_slides_and_may_be_absent(tmp_path):
    slides.touch(tmp_path, "a.svs", "b.svs", "c.svs", "outlines/a.geojson")
    rows = [("a", "x", "a"), ("b", "y", ""), ("c", "y", "c.xml")]
    settings = {"regions_column": "outlines"}
    reading = reader(tmp_path, ("slide", "label", "outlines"), *rows, **settings).examine()
    assert reading.table.cases[0].targets["regions"].path == "outlines/a.geojson"
    assert "regions" not in reading.table.cases[1].targets
    (problem,) = reading.problems
    assert (problem.kind, problem.case_id) == (Kind.LABEL, "c")


def test_a_column_of_patients_that_nobody_named_is_refused(tmp_path):
    slides.touch(tmp_path, "a.svs", "b.svs")
    rows = [("a", "x", "1"), ("b", "y", "1")]
    with pytest.raises(DataError, match="'case_id' that is not used"):
        reader(tmp_path, ("slide", "label", "case_id"), *rows).read()


def test_a_table_with_another_name_of_the_column_is_refused_with_the_nearest(tmp_path):
    with pytest.raises(DataError, match="did you mean 'slide_id'"):
        reader(tmp_path, ("slide_id", "label"), ("a", "x")).read()
