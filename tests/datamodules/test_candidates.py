import pytest
from fakes.csv_table import write_table

from datamodules.candidates import (
    VolumeCandidate,
    has_candidates,
    has_volume_candidates,
    image_of,
    parse_box,
    parse_candidate,
    select_box,
    select_candidate,
    selected_box,
    selected_candidate,
)
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


@pytest.mark.parametrize(
    ("box", "text"), [((3, 4.5, 0, 0), "box 3 4.5 0 0"), ((1, 2, 30, 1e6), "box 1 2 30 1e+06")]
)
def test_selector_of_a_film_stays_as_caches_know_it(box, text):
    assert select_box(box) == text


@pytest.mark.parametrize(
    ("cells", "space", "text"),
    [
        (("1", "2", "3"), "lps-mm", "box lps-mm 1 2 3"),
        (("-128.6994211", "0", "1e-7"), "ras-mm", "box ras-mm -128.6994211 0 1e-07"),
        (("1", "2.0", "3", "4", "5", "6.5"), "voxel", "box voxel 1 2 3 4 5 6.5"),
    ],
)
def test_place_in_a_volume_comes_back_from_its_selector(cells, space, text):
    candidate = parse_candidate(cells, space)
    assert select_candidate(candidate) == text
    assert selected_candidate(Source("a.nii", text)) == candidate
    assert candidate.start == tuple(map(float, cells[:3]))
    assert candidate.size == (tuple(map(float, cells[3:])) or (0, 0, 0))


@pytest.mark.parametrize(
    ("cells", "space", "fault"),
    [
        (("1", "", "3"), "ras-mm", "are not all numbers"),
        (("1", "-2", "3"), "voxel", "outside every image"),
        (("inf", "2", "3"), "lps-mm", "outside every image"),
        (("1", "2", "3", "4", "0", "6"), "lps-mm", "empty"),
        (("1", "2", "3", "4", "-5", "6"), "lps-mm", "empty"),
    ],
)
def test_numbers_that_are_no_place_in_a_volume_say_why(cells, space, fault):
    assert fault in parse_candidate(cells, space)


def test_centre_is_that_of_the_voxels_or_of_the_millimetres():
    assert VolumeCandidate("voxel", (10, 20, 30)).centre == (10, 20, 30)
    # voxels 10 to 13 are 10, 11, 12, 13
    assert VolumeCandidate("voxel", (10, 20, 30), (4, 1, 2)).centre == (11.5, 20, 30.5)
    assert VolumeCandidate("ras-mm", (-10, 20, 30), (4, 1, 2)).centre == (-8, 20.5, 31)


def test_image_of_a_candidate_keeps_what_selects_it():
    place = VolumeCandidate("voxel", (1, 2, 3))
    source = Source("scans/p1", select_candidate(place, "1.2.840"))
    assert str(source) == "scans/p1:1.2.840 box voxel 1 2 3"
    assert selected_candidate(source) == place
    assert image_of(source) == Source("scans/p1", "1.2.840")
    assert image_of(Source("a.nii", select_candidate(place))) == Source("a.nii")
    assert image_of(Source("a.png", "box 1 2 3 4")) == Source("a.png")
    assert image_of(Source("a.npz", "images[3]")) == Source("a.npz", "images[3]")


def test_candidates_in_volumes_are_not_taken_for_those_in_films():
    film, volume = Source("a.png", "box 1 2 3 4"), Source("a.nii", "box voxel 1 2 3")
    assert selected_candidate(film) is None
    assert selected_box(volume) is None
    table = CaseTable("volumes", None, (Case("a", "a", {"image": volume}),))
    assert has_volume_candidates(table)
    assert not has_candidates(table)


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
