import json

import numpy as np
import pytest
from fakes import point_files as fake
from fakes.mask_files import write_image
from pydantic import ValidationError

from datamodules.candidates import VolumeCandidate
from datamodules.case_files import CaseFiles
from datamodules.errors import DataError
from datamodules.point_places import placed_points
from datamodules.problems import Kind
from datamodules.readers.markups import MarkupsReader


@pytest.fixture
def root(tmp_path):
    return fake.write_markups(tmp_path)


def read(root, **settings):
    return MarkupsReader(root=str(root), **settings).read()


def edit(path, **changes):
    content = json.loads(path.read_text())
    content["markups"][0]["controlPoints"][0].update(changes)
    path.write_text(json.dumps(content))


def only_fault(root, **settings):
    (problem,) = MarkupsReader(root=str(root), **settings).examine().problems
    return problem


def test_labels_are_landmarks_in_mm(root):
    table = read(root)
    assert table.points == ("ac", "pc")
    assert [case.targets["volume_points"] for case in table.cases[1:]] == [
        {"ac": VolumeCandidate("lps-mm", (6, 6, 8)), "pc": VolumeCandidate("lps-mm", (9, 7.5, 4))},
        {"ac": VolumeCandidate("lps-mm", (7, 6, 8)), "pc": None},
    ]


def test_landmarks_lie_on_the_voxels_that_slicer_shows(root):
    case = read(root).cases[0]
    image = CaseFiles(case, root).read_image()  # 1 x 1 x 2 mm, from right to left, front to back
    places = placed_points(case, image.affine, image.spatial)
    assert places == {"ac": (5.5, 6.5, 4.5), "pc": (9.5, 8.0, 2.5)}


def test_coordinates_may_be_ras(tmp_path):
    case = read(fake.write_markups(tmp_path, "RAS")).cases[0]
    assert case.targets["volume_points"]["ac"] == VolumeCandidate("ras-mm", (5, 6, 8))


@pytest.mark.parametrize(("system", "position"), [("LPS", (4, 2.5, 0)), ("RAS", (-4, -2.5, 0))])
def test_mm_of_a_flat_image_are_pixels(tmp_path, system, position):
    write_image(tmp_path / "a.png", np.zeros((5, 8)))
    (tmp_path / "a.mrk.json").write_text(json.dumps(fake.markups_of({"tip": position}, system)))
    assert read(tmp_path).cases[0].targets == {"points": {"tip": (4, 2.5)}}


def test_folders_may_name_the_sides_and_names_be_set(tmp_path):
    for side in ("train", "test"):
        write_image(tmp_path / side / "p1_a.png", np.zeros((5, 8)))
        path = tmp_path / side / "p1_a_tips.mrk.json"
        path.write_text(json.dumps(fake.markups_of({"tip": (1, 1, 0)})))
    cases = read(tmp_path, markups_name="{id}_tips", patient_pattern=r"^(p\d)").cases
    found = {case.case_id: (case.split, case.patient_id) for case in cases}
    assert found == {"test_p1_a": ("test", "p1"), "train_p1_a": ("train", "p1")}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"label": ""}, "it has no label"),
        ({"label": "pc"}, "the landmark pc is given in v0.mrk.json, controlPoints 1 already"),
        ({"position": [1, 2]}, "the position of ac is not three numbers"),
        ({"position": [1, 2, float("nan")]}, "the landmark ac 1, 2, nan is not made of numbers"),
    ],
)
def test_control_points_at_fault_are_named(root, changes, said):
    edit(root / "v0.mrk.json", **changes)
    problem = only_fault(root)
    assert (problem.kind, problem.case_id) == (Kind.POINT, "v0")
    assert problem.where.startswith("v0.mrk.json, controlPoints")
    assert said in problem.message


def test_label_that_is_not_known_is_told_with_the_nearest(root):
    edit(root / "v0.mrk.json", label="AC")
    assert "'AC' is none of the landmarks (ac, pc)" in only_fault(root, points=("ac", "pc")).message


@pytest.mark.parametrize(
    ("content", "said"),
    [("{", "is damaged"), ("{}", "no list of markups"), ('{"markups": [1]}', "controlPoints")],
)
def test_files_of_another_form_are_named(root, content, said):
    (root / "v0.mrk.json").write_text(content)
    problem = only_fault(root)
    assert (problem.case_id, problem.where) == ("v0", "v0.mrk.json")
    assert said in problem.message


def test_other_units_are_refused(root):
    path = root / "v0.mrk.json"
    path.write_text(path.read_text().replace('"mm"', '"um"'))
    assert "are in LPS, um; LPS and RAS in mm are read" in only_fault(root).message


def test_markups_without_an_image_are_a_fault_and_images_without_markups_a_notice(root):
    (root / "v0.nii.gz").unlink()
    (root / "v1.mrk.json").unlink()
    reading = MarkupsReader(root=str(root)).examine()
    (problem,) = reading.problems
    assert (problem.kind, problem.where) == (Kind.MISSING, "v0.mrk.json")
    assert reading.table.notices == ("Images in . without markups, left out: 1.",)


def test_folder_without_markups_is_refused(root):
    with pytest.raises(DataError, match=r"no markups called {id}_x\.mrk\.json"):
        read(root, markups_name="{id}_x")


def test_names_need_the_case():
    with pytest.raises(ValidationError, match=r"needs \{id\} in it"):
        MarkupsReader(image_name="ct.nii.gz")
