"""What `check` says of images with landmarks: every fault by its case, in one report."""

from dataclasses import replace

import numpy as np
import pytest
from fakes import point_files as fake
from fakes.nih_chestxray14 import edit

from datamodules.configs.landmarks import LandmarksConfig
from datamodules.doctor.odd_points import odd_points, same_points
from datamodules.doctor.points import examine_points
from datamodules.errors import ConfigError, DataError
from datamodules.problems import Kind
from datamodules.readers.cephalometric_marks import LANDMARKS
from datamodules.readers.markups import MarkupsReader
from datamodules.readers.points_csv import PointsCsvReader


@pytest.fixture
def root(tmp_path):
    return fake.write_wide(tmp_path)


def config_of(root, **settings):
    reader = PointsCsvReader(root=str(root), **fake.WHOSE)
    return LandmarksConfig(reader=reader, **settings)


def examine(root, pixels=True, **settings):
    return examine_points(config_of(root, **settings), pixels=pixels)


def of_severity(found, severity, kind=Kind.POINT):
    return found.by_kind(severity).get(kind, [])


def faces(cases=20, seed=0):
    """Five landmarks of cases that differ in place, size and a little in shape."""
    rng = np.random.default_rng(seed)
    usual = np.array([[10, 30], [10, 70], [40, 50], [70, 35], [70, 65.0]])
    shapes = usual + rng.normal(0, 1.5, (cases, 5, 2))
    return shapes * rng.uniform(0.7, 1.4, (cases, 1, 1)) + rng.uniform(-20, 20, (cases, 1, 2))


FACE = ("left_eye", "right_eye", "nose", "left_mouth", "right_mouth")
IDS = [f"c{number}" for number in range(20)]


def test_a_sound_dataset_has_notes_only_and_its_landmarks_are_counted(root):
    found = examine(root)
    assert (found.by_kind("error"), of_severity(found, "warning")) == ({}, [])
    counts = {(each.label, each.split): (each.positive, each.negative) for each in found.counts}
    assert counts["sella", "train"] == (3, 1)
    assert counts["nasion", "test"] == (1, 0)
    assert len(found.images) == 6
    notes = [each.message for each in found.problems if each.severity == "notice"]
    assert "Landmarks: 2, marked in 6 images; of each image 1 to 2." in notes


def test_a_landmark_outside_its_image_is_a_warning_that_names_both(root):
    edit(root / "points.csv", "20.5,12.0", "20.5,40.0")
    (outside,) = of_severity(examine(root), "warning")
    assert outside.case_id == "p1_a"
    said = "the landmark sella at 20.5, 40 lies outside the image of 60 x 40 pixels"
    assert said in outside.message


def test_faults_of_the_reader_are_in_the_report(root):
    edit(root / "points.csv", "20.5,12.0", "20.5,low")
    (fault,) = of_severity(examine(root), "error")
    assert (fault.case_id, fault.where) == ("p1_a", "points.csv row 2")


def test_a_landmark_that_training_never_sees_is_a_warning(root):
    for old in ("20.5,12.0", "21.0,13.0", "19.0,14.0"):
        edit(root / "points.csv", old, ",")
    (warning,) = of_severity(examine(root, pixels=False), "warning", Kind.IMBALANCE)
    assert str(warning) == "'sella': it is marked in no train case"


def test_training_without_any_landmark_is_nothing_to_learn_from(root):
    table = config_of(root).reader.read()
    bare = (
        replace(case, targets={"points": {}}) if case.split == "train" else case
        for case in table.cases
    )
    found = examine_points(config_of(root), replace(table, cases=tuple(bare)), pixels=True)
    with pytest.raises(DataError, match="no training image has a landmark"):
        found.refuse_errors()


def test_a_landmark_that_does_not_exist_is_told_at_once(root):
    with pytest.raises(ConfigError, match="did you mean 'sella'"):
        examine(root, pixels=False, points=("sela",))


def test_files_stay_closed_unless_they_are_asked_for(root):
    for path in (root / "images").iterdir():
        path.write_bytes(b"nothing")
    found = examine(root, pixels=False)
    assert (found.images, found.by_kind("error")) == (None, {})
    assert len(of_severity(examine(root), "error", Kind.UNREADABLE)) == 6


def test_images_of_two_units_are_named(root):
    table = config_of(root).reader.read()
    first = replace(table.cases[0], spacing_mm=(0.1, 0.1))
    found = examine_points(
        config_of(root), replace(table, cases=(first, *table.cases[1:])), pixels=True
    )
    (problem,) = of_severity(found, "error", Kind.UNREADABLE)
    assert problem.case_id == "p1_a"
    assert "its file says how large its pixels are, unlike most" in problem.message


def test_landmarks_in_mm_are_placed_in_their_volume(tmp_path):
    fake.write_markups(tmp_path)
    path = tmp_path / "v1.mrk.json"
    path.write_text(path.read_text().replace("6.0, 6.0, 8.0", "6.0, 6.0, 80.0"))
    reader = MarkupsReader(root=str(tmp_path))
    config = LandmarksConfig(reader=reader, patch=(8, 8, 8))
    (outside,) = of_severity(examine_points(config, pixels=True), "warning")
    assert outside.case_id == "v1"
    assert "ac at 6, 6, 40 lies outside the image of 16 x 14 x 8 voxels" in outside.message


def test_landmarks_of_pictures_in_volumes_are_named(tmp_path):
    reader = MarkupsReader(root=str(fake.write_markups(tmp_path)))
    table = reader.read()
    case = replace(table.cases[0], targets={"points": {"ac": (1, 1)}})
    config = LandmarksConfig(reader=reader, patch=(8, 8, 8))
    found = examine_points(config, replace(table, cases=(case, *table.cases[1:])), pixels=True)
    (problem,) = of_severity(found, "error")
    assert "its landmarks have 2 axes, and the image has 3" in problem.message


def test_cases_that_differ_in_place_and_size_are_not_odd():
    assert list(odd_points(FACE, IDS, faces())) == []


def test_landmarks_that_have_changed_places_are_named():
    places = faces()
    places[7, [0, 1]] = places[7, [1, 0]]
    (warning,) = odd_points(FACE, IDS, places)
    assert (warning.case_id, warning.severity) == ("c7", "warning")
    assert "these seem to have changed places: " in warning.message
    assert {"left_eye", "right_eye"} <= set(warning.message.replace(",", " ").split())
    assert "nose (" not in warning.message


def test_one_landmark_far_from_its_place_does_not_make_the_others_odd():
    places = faces()
    places[3, 2] += (60, 0)
    places[5, 1] = np.nan  # not marked
    (warning,) = odd_points(FACE, IDS, places)
    assert warning.case_id == "c3"
    assert "usual spreads: nose (" in warning.message
    assert "eye" not in warning.message


def test_few_cases_say_nothing_about_what_is_usual():
    places = faces(cases=7)
    places[3, 2] += (60, 0)
    assert list(odd_points(FACE, IDS[:7], places)) == []


def test_landmarks_in_one_place_are_a_warning():
    places = faces()
    places[:11, 4] = places[:11, 3]
    (same,) = same_points(FACE, places)
    assert str(same) == "'left_mouth': it lies where 'right_mouth' does in 11 of 20 cases"


def test_a_landmark_that_never_moves_is_a_warning():
    places = faces()
    places[:, 2] = (40, 50)
    (fixed,) = same_points(FACE, places)
    assert str(fixed) == "'nose': it lies in the same place in all 20 cases"


@pytest.mark.data
def test_no_cephalogram_is_odd_and_two_exchanged_landmarks_are():
    from datamodules.readers.cephalometric import CephalometricReader

    reader = CephalometricReader()
    try:
        cases = reader.read().cases
    except DataError:
        pytest.skip("cephalometric is not under LIGHTBOX_DATA")
    places = np.array([[case.targets["points"][name] for name in LANDMARKS] for case in cases])
    ids = [case.case_id for case in cases]
    assert list(odd_points(LANDMARKS, ids, places)) == []
    places[3, [0, 1]] = places[3, [1, 0]]
    (warning,) = odd_points(LANDMARKS, ids, places)
    assert "these seem to have changed places: " in warning.message
