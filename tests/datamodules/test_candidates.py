import pytest
from fakes.csv_table import write_table

from datamodules.candidates import has_candidates, parse_box, select_box, selected_box
from datamodules.cases import Case, CaseTable, Source
from datamodules.demos.candidates import as_candidates
from datamodules.errors import DataError
from datamodules.readers.csv_table import CsvReader


def film(number, *boxes):
    targets = {"boxes": [("Nodule", *box) for box in boxes]}
    return Case(f"film-{number}", f"p{number}", {"image": Source(f"{number}.png")}, targets)


def write_films(root, columns, rows):
    for row in rows:
        (root / row[0]).touch()
    write_table(root / "labels.csv", columns, rows)


@pytest.mark.parametrize(
    ("cells", "fault"),
    [
        (("3", "x"), "not all numbers"),
        (("-3", "4"), "outside every image"),
        (("nan", "4"), "outside every image"),
        (("1", "2", "0", "4"), "empty"),
    ],
)
def test_cells_that_are_no_place_say_why(cells, fault):
    assert fault in parse_box(cells)


def test_point_has_no_size():
    assert parse_box(("3", "4.5")) == (3, 4.5, 0, 0)
    assert selected_box(Source("a.png", select_box((3, 4.5, 0, 0)))) == (3, 4.5, 0, 0)


def test_each_row_of_a_table_is_a_candidate(tmp_path):
    rows = [("a.png", 0, 3, 4), ("a.png", 1, 7, 8), ("b.png", 1, 1, 2)]
    write_films(tmp_path, ("path", "label", "x", "y"), rows)
    table = CsvReader(root=str(tmp_path), candidate_columns=("x", "y")).read()
    assert [case.case_id for case in table.cases] == ["a_1", "a_2", "b_1"]
    assert selected_box(table.cases[1].inputs["image"]) == (7, 8, 0, 0)
    assert has_candidates(table)
    assert table.cases[0].patient_id == table.cases[1].patient_id != table.cases[2].patient_id


def test_row_without_a_place_is_named(tmp_path):
    rows = [("a.png", 0, 3, 4), ("b.png", 1, "", 8)]
    write_films(tmp_path, ("path", "label", "x", "y"), rows)
    with pytest.raises(DataError, match=r"row 3, case 'b_1'.*'', '8' are not all numbers"):
        CsvReader(root=str(tmp_path), candidate_columns=("x", "y")).read()


def test_images_of_an_exam_are_told_by_a_column_and_count_as_one_patient(tmp_path):
    rows = [("a.png", 0, "s1"), ("b.png", 1, "s2"), ("c.png", 1, "s2")]
    write_films(tmp_path, ("path", "label", "study"), rows)
    table = CsvReader(root=str(tmp_path), exam_column="study").read()
    assert [case.exam_id for case in table.cases] == ["s1", "s2", "s2"]
    assert [case.patient_id for case in table.cases] == ["s1", "s2", "s2"]


def test_drawn_candidates_are_nodules_and_free_places_of_other_patients():
    table = CaseTable("films", None, (film(1, (5, 5, 4, 4)), film(2, (6, 6, 4, 4)), film(3)))
    table = CaseTable("films", None, (*table.cases, film(4, (50, 50, 4, 4))))
    found = {case.case_id: case for case in as_candidates(table).cases}
    assert [case.targets["class"] for case in found.values()].count("nodule") == 3
    assert selected_box(found["film-1_2"].inputs["image"]) == (50, 50, 4, 4)
    assert len([name for name in found if name.startswith("film-3")]) == 1
