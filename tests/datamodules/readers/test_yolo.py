import numpy as np
import pytest
from fakes import box_files as fake
from PIL import Image

from datamodules.errors import DataError
from datamodules.problems import Kind
from datamodules.readers.yolo import YoloReader, label_of


@pytest.fixture
def root(tmp_path):
    return fake.write_yolo(tmp_path)


def read(root, **settings):
    return YoloReader(root=str(root), **settings).read()


def fault(root, text):
    (root / "labels/train/p1_a.txt").write_text(text)
    (problem,) = YoloReader(root=str(root)).examine().problems
    return problem


def test_shares_become_pixels(root):
    table = read(root)
    assert table.objects == fake.LABELS
    for case in table.cases:
        expected = fake.BOXES[case.case_id]
        assert [label for label, *_ in case.targets["boxes"]] == [label for label, *_ in expected]
        found = np.array([box for _, *box in case.targets["boxes"]])
        np.testing.assert_allclose(found, np.array([box for _, *box in expected]), atol=1e-9)


def test_folders_are_the_official_split(root):
    sides = {case.case_id: case.split for case in read(root).cases}
    assert sides == {name: side for side, names in fake.SIDES.items() for name in names}


def test_an_image_that_is_stored_lying_is_measured_upright(root):
    path = root / "images/train/p2_a.png"
    image = Image.open(path).convert("RGB")
    exif = Image.Exif()
    exif[0x0112] = 6
    image.rotate(90, expand=True).save(path, exif=exif)
    boxes = next(case for case in read(root).cases if case.case_id == "p2_a").targets["boxes"]
    assert np.round(boxes[0][1:], 6).tolist() == [30, 5, 10, 10]


@pytest.mark.parametrize(
    ("image", "label"),
    [
        ("images/a.png", "labels/a.txt"),
        ("images/train/a.b.png", "labels/train/a.b.txt"),
        ("train/images/a.jpg", "train/labels/a.txt"),
        ("images/x/images/a.jpg", "images/x/labels/a.txt"),
    ],
)
def test_labels_lie_beside_the_images(image, label):
    assert label_of(image) == label


def test_roboflow_has_folders_of_sides_outside(root):
    for side, new in {"train": "train", "val": "valid", "test": "test"}.items():
        for what in ("images", "labels"):
            (root / new).mkdir(exist_ok=True)
            (root / what / side).rename(root / new / what)
    assert [case.split for case in read(root).cases] == ["test"] + ["train"] * 4 + ["val"]


def test_images_beside_which_nothing_has_labels_are_not_taken_for_empty(root):
    for path in (root / "labels/test").iterdir():
        path.unlink()
    (root / "labels/test").rmdir()
    table = read(root)
    assert "p5_a" not in {case.case_id for case in table.cases}
    assert "Images beside which no folder has labels, left out: 1." in table.notices


def test_names_may_be_lines_of_a_text(root):
    (root / "data.yaml").unlink()
    (root / "classes.txt").write_text("blob\nspeck\n")
    assert read(root).objects == ("blob", "speck")


@pytest.mark.parametrize("text", ["names: 3", "names: {0: a, 2: b}", "a: [", "names: [a, a]"])
def test_names_that_cannot_be_used_are_refused(root, text):
    (root / "data.yaml").write_text(text)
    with pytest.raises(DataError, match=r"names|YAML"):
        read(root)


def test_yaml_makes_no_objects(root):
    (root / "data.yaml").write_text("names: !!python/object/apply:os.getcwd []")
    with pytest.raises(DataError, match="is no YAML"):
        read(root)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("0 0.5 0.5 0.2", "it has 4 numbers"),
        ("0 0.5 0.5 0.2 x", "its height is 'x'"),
        ("2 0.5 0.5 0.2 0.2", "there is no class 2; named are 0 to 1"),
        ("0.5 0.5 0.5 0.2 0.2", "there is no class 0.5"),
        ("0 30 20 0.2 0.2", "is no share of the image"),
        ("0 0.5 0.5 nan 0.2", "is not made of numbers"),
    ],
)
def test_lines_that_are_no_boxes_are_named(root, line, said):
    problem = fault(root, f"0 0.5 0.5 0.1 0.1\n{line}\n")
    assert (problem.where, problem.case_id) == ("labels/train/p1_a.txt line 2", "p1_a")
    assert said in problem.message


def test_a_box_without_area_and_one_given_twice_are_left_out(root):
    (root / "labels/train/p1_a.txt").write_text("0 .5 .5 .1 .1\n0 .5 .5 0 .1\n0 .5 .5 .1 .1\n")
    table = read(root)
    assert [each.where[-1] for each in table.warnings] == ["2", "3"]
    assert len(next(case for case in table.cases if case.case_id == "p1_a").targets["boxes"]) == 1


def test_labels_without_an_image_are_named(root):
    (root / "labels/val/other.txt").write_text("0 .5 .5 .1 .1\n")
    (problem,) = YoloReader(root=str(root)).examine().problems
    assert (problem.kind, problem.where) == (Kind.MISSING, "labels/val/other.txt")


def test_an_image_whose_size_cannot_be_read_is_named(root):
    (root / "images/train/p1_a.png").write_bytes(b"nothing")
    (problem,) = YoloReader(root=str(root)).examine().problems
    assert (problem.kind, problem.case_id) == (Kind.UNREADABLE, "p1_a")
