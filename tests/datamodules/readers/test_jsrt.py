import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from fakes import jsrt as fake

from datamodules.errors import DataError
from datamodules.problems import Kind
from datamodules.readers.jsrt import STRUCTURES, JsrtReader
from datamodules.transforms.mask_reading import read_binary_masks
from datamodules.transforms.volume_reading import read_volume


def reader(root):
    return JsrtReader(root=str(root))


def test_each_film_has_five_overlapping_structures(tmp_path):
    table = reader(fake.write(tmp_path)).read()
    assert tuple(structure.name for structure in table.structures) == STRUCTURES
    assert table.overlapping
    masks = table.cases[0].targets["masks"]
    assert tuple(masks) == STRUCTURES
    assert masks["heart"].path == "masks/heart/JPCLN001.png"


def test_the_name_says_who_has_a_nodule_and_which_fold(tmp_path):
    table = reader(fake.write(tmp_path, films=2)).read()
    known = [(c.case_id, c.targets["class"], c.attributes["fold"]) for c in table.cases]
    assert known == [
        ("JPCLN001", "nodule", "odd"),
        ("JPCLN002", "nodule", "even"),
        ("JPCNN001", "no nodule", "odd"),
        ("JPCNN002", "no nodule", "even"),
    ]
    assert table.cases[0].attributes["age"] == 41
    assert table.cases[0].attributes["condition"] == "nodule lung cancer"


def test_masks_of_half_the_size_lie_on_the_pixels_of_the_film(tmp_path):
    table = reader(fake.write(tmp_path)).read()
    case = table.cases[0]
    film = read_volume(tmp_path / case.inputs["image"].path)
    masks = read_binary_masks(tmp_path, case.targets["masks"], film).array
    assert masks.shape == (5, 64, 64)
    stored = read_volume(tmp_path / "masks/heart/JPCLN001.png").array[0] > 0
    assert (masks[2] == np.kron(stored, np.ones((2, 2)))).all()


def test_landmarks_are_called_by_their_organ_and_number(tmp_path):
    table = reader(fake.write(tmp_path)).read()
    targets = table.cases[0].targets
    stored = np.load(tmp_path / "landmarks/LCLA/JPCLN001.npy")
    assert targets["points"]["left_clavicle_03"] == tuple(stored[2])
    assert tuple(targets["points"]) == table.points
    assert (len(table.points), table.points[0]) == (25, "right_lung_01")
    assert targets["points_extent"] == (1024, 1024)


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.ones((4, 2)), "it has 4 points, and the others of heart have 5"),
        (np.ones((5, 3)), "an array of 5 x 3 float64, not of rows of x and y"),
        (np.full((5, 2), np.nan), "points that are not made of numbers"),
        (np.array([[{}, {}]] * 5), "it is no array of numbers"),
    ],
)
def test_landmarks_of_another_form_are_named_and_left_out(tmp_path, array, said):
    np.save(fake.write(tmp_path) / "landmarks/H/JPCLN001.npy", array)
    reading = reader(tmp_path).examine()
    (problem,) = reading.problems
    assert (problem.kind, problem.where) == (Kind.POINT, "landmarks/H/JPCLN001.npy")
    assert said in problem.message
    assert len(reading.table.cases[0].targets["points"]) == 20


def test_spacing_is_declared_only_where_it_is_asked_for(tmp_path):
    root = str(fake.write(tmp_path))
    assert JsrtReader(root=root).read().cases[0].spacing_mm is None
    spacing = JsrtReader(root=root, declare_spacing=True).read().cases[0].spacing_mm
    assert spacing == (0.175 * 32, 0.175 * 32)  # films of 64 pixels instead of 2048


def test_landmarks_and_table_may_be_absent(tmp_path):
    case = reader(fake.write(tmp_path, extras=False)).read().cases[0]
    assert "points" not in case.targets
    assert case.attributes == {"fold": "odd"}


def test_masks_are_found_as_scr_has_them(tmp_path):
    fake.write(tmp_path, films=1)
    for name in STRUCTURES:
        new = tmp_path / f"scratch/fold1/masks/{name.replace('_', ' ')}"
        new.parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "masks" / name).rename(new)
    path = reader(tmp_path).read().cases[0].targets["masks"]["left_lung"].path
    assert path == "scratch/fold1/masks/left lung/JPCLN001.png"


def test_a_film_that_lacks_a_mask_is_named_and_not_annotated(tmp_path):
    (fake.write(tmp_path) / "masks/heart/JPCLN001.png").unlink()
    reading = reader(tmp_path).examine()
    assert [str(each) for each in reading.problems] == [
        "JPCLN001: there is no file masks/heart/JPCLN001.png"
    ]
    assert reading.problems[0].kind is Kind.LABEL
    assert "masks" not in reading.table.cases[0].targets


def test_films_may_be_a_part_of_the_set(tmp_path):
    (fake.write(tmp_path, films=2) / "images/JPCLN001.png").unlink()
    table = reader(tmp_path).read()
    assert len(table.cases) == 3
    assert table.notices == ("Masks without a film, left out: 1.",)


def test_an_age_that_is_no_number_is_named(tmp_path):
    path = fake.write(tmp_path) / "clinical.csv"
    path.write_text(path.read_text().replace(",41,", ",old,", 1))
    with pytest.raises(DataError, match=r"clinical\.csv row 2, JPCLN001\.png: the age 'old'"):
        reader(tmp_path).read()


def write_nodules(root, size="15", name="CLNDAT_EN.txt"):
    rows = (f"01 5 {size} 53 Female 1634 692 malignant", "02 4 7 ? Male 512 512 benign")
    lines = ["JPCLN0{}.IMG\t{}\tl.upper lobe\tcancer".format(*row.split(" ", 1)) for row in rows]
    lines = [line.replace(" ", "\t") for line in lines]
    (root / name).write_text("\n".join(lines) + "\n")
    return root


def test_a_nodule_has_a_square_about_its_middle_on_the_film_as_it_is_stored(tmp_path):
    table = reader(write_nodules(fake.write(tmp_path, films=2))).read()
    boxes = {case.case_id: case.targets["boxes"] for case in table.cases}
    # Films of 64 pixels instead of 2048; 15 mm are 15 / 0.175 pixels of the published film.
    side = 15 / 0.175 / 32
    expected = (1634 / 32 - side / 2, 692 / 32 - side / 2, side, side)
    assert boxes["JPCLN001"][0][0] == "nodule"
    np.testing.assert_allclose(boxes["JPCLN001"][0][1:], expected)
    assert (boxes["JPCNN001"], table.objects) == ([], ("nodule",))


def test_a_table_that_lacks_ends_of_lines_is_read_as_well(tmp_path):
    path = write_nodules(fake.write(tmp_path, films=2)) / "CLNDAT_EN.txt"
    path.write_text(path.read_text().replace("\n", ""))
    assert [len(case.targets["boxes"]) for case in reader(tmp_path).read().cases] == [1, 1, 0, 0]


def test_a_nodule_of_unknown_size_is_not_taken_for_none(tmp_path):
    table = reader(write_nodules(fake.write(tmp_path, films=2), size="?")).read()
    assert "boxes" not in table.cases[0].targets
    assert "no place or size, left out: 1." in table.notices[0]


def test_without_the_table_of_nodules_no_film_has_boxes(tmp_path):
    table = reader(fake.write(tmp_path)).read()
    assert table.objects == ()
    assert not any("boxes" in case.targets for case in table.cases)


def test_masks_may_be_absent_where_the_table_of_nodules_is(tmp_path):
    shutil.rmtree(write_nodules(fake.write(tmp_path, films=2)) / "masks")
    table = reader(tmp_path).read()
    assert (table.structures, "masks" in table.cases[0].targets) == ((), False)


def test_a_record_of_another_form_is_named(tmp_path):
    (fake.write(tmp_path) / "CLNDAT_EN.txt").write_text("JPCLN001.IMG 5 15 53 Female left upper\n")
    problem = reader(tmp_path).examine().problems[0]
    assert (problem.kind, problem.case_id) == (Kind.BOX, "JPCLN001")


def test_another_folder_is_refused(tmp_path):
    with pytest.raises(DataError, match="is this the folder of JSRT"):
        reader(tmp_path).read()


@pytest.mark.data
def test_the_excerpt_has_24_films_half_of_them_with_a_nodule():
    if not (Path(os.environ["LIGHTBOX_DATA"]) / "jsrt").is_dir():
        pytest.skip("jsrt is not under LIGHTBOX_DATA")
    cases = JsrtReader().read().cases
    assert [case.targets["class"] for case in cases].count("nodule") == 12
    assert {len(case.targets["points"]) for case in cases} == {44 + 50 + 26 + 23 + 23}
    assert {case.attributes["fold"] for case in cases} == {"odd"}
