import json

import pytest
from fakes import box_files as fake

from datamodules.errors import DataError
from datamodules.problems import Kind
from datamodules.readers.coco import CocoReader

TRAIN = "annotations/instances_train2017.json"


@pytest.fixture
def root(tmp_path):
    return fake.write_coco(tmp_path)


def read(root, **settings):
    return CocoReader(root=str(root), **settings).read()


def by_id(table):
    return {case.case_id: case for case in table.cases}


def fault(root, **changes):
    fake.edit_coco(root / TRAIN, **changes)
    (problem,) = CocoReader(root=str(root)).examine().problems
    return problem


def edit(path, change):
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def test_images_have_their_boxes_and_the_side_that_their_file_names(root):
    table = read(root)
    assert {case.case_id: case.targets["boxes"] for case in table.cases} == fake.BOXES
    sides = {case.case_id: case.split for case in table.cases}
    assert sides == {name: side for side, names in fake.SIDES.items() for name in names}
    assert table.objects == fake.LABELS


def test_objects_are_in_the_order_of_their_ids_and_unused_ones_are_left_out(root):
    for path in (root / "annotations").iterdir():
        edit(path, lambda content: content["categories"].reverse())
        edit(path, lambda content: content["categories"].append({"id": 0, "name": "things"}))
    table = read(root)
    assert table.objects == fake.LABELS
    assert "Without any box, and left out: things." in table.notices


@pytest.mark.parametrize("mark", ["iscrowd", "ignore"])
def test_crowds_are_regions_that_do_not_count(root, mark):
    fake.edit_coco(root / TRAIN, **{mark: 1})
    targets = by_id(read(root))["p1_a"].targets
    assert targets["ignored_boxes"] == fake.BOXES["p1_a"][:1]
    assert targets["boxes"] == fake.BOXES["p1_a"][1:]


@pytest.mark.parametrize("folder", ["train2017", "images/train2017", "train", "."])
def test_images_are_looked_for_where_they_usually_are(root, folder):
    (root / folder).mkdir(parents=True, exist_ok=True)
    for name in fake.SIDES["train"]:
        (root / f"images/{name}.png").rename(root / folder / f"{name}.png")
    paths = {name: case.inputs["image"].path for name, case in by_id(read(root)).items()}
    assert paths["p1_a"] == ("p1_a.png" if folder == "." else f"{folder}/p1_a.png")
    assert paths["p5_a"] == "images/p5_a.png"


def test_roboflow_has_annotations_beside_the_images_of_each_side(tmp_path):
    for side, names in {"train": fake.SIDES["train"], "valid": fake.SIDES["val"]}.items():
        fake.write_pictures(tmp_path, "".join((side, "/{name}.png")))
        text = json.dumps(fake.coco_of(names))
        (tmp_path / side / "_annotations.coco.json").write_text(text)
    table = read(tmp_path)
    assert [case.split for case in table.cases] == ["train"] * 4 + ["val"]
    assert table.cases[-1].inputs["image"].path == "valid/p4_a.png"


def test_a_single_file_leaves_the_split_to_be_drawn(tmp_path):
    fake.write_pictures(tmp_path)
    (tmp_path / "annotations.json").write_text(json.dumps(fake.coco_of(tuple(fake.BOXES))))
    assert {case.split for case in read(tmp_path).cases} == {None}


def test_sides_can_be_said_of_files_whose_names_do_not(root):
    (root / TRAIN).rename(root / "a.json")
    (root / "annotations/instances_test2017.json").rename(root / "b.json")
    table = read(root, annotations=("train=a.json", "test=b.json"))
    assert [case.split for case in table.cases] == ["train"] * 4 + ["test"]


def test_a_box_without_area_is_left_out_and_named(root):
    fake.edit_coco(root / TRAIN, bbox=[10, 12, 0, 8])
    (warning,) = read(root).warnings
    assert str(warning).startswith(f"{TRAIN}, annotations 1: the box cell 10, 12, 0, 8")


@pytest.mark.parametrize("bbox", [None, [1, 2, 3], "10 12", [1, 2, 3, "4"], {"x": 1}])
def test_a_box_that_is_not_four_numbers_is_a_fault(root, bbox):
    problem = fault(root, bbox=bbox)
    assert (problem.kind, problem.case_id) == (Kind.BOX, "p1_a")
    assert problem.where == f"{TRAIN}, annotations 1"


def test_nan_is_no_number(root):
    assert "not made of numbers" in fault(root, bbox=[1, float("nan"), 3, 4]).message


def test_annotations_of_unknown_images_and_categories_are_faults(root):
    assert "no category with the id 7" in fault(root, category_id=7).message
    assert "no image with the id 99" in fault(root, image_id=99, category_id=1).message


def test_an_image_that_is_not_there_is_named(root):
    (root / "images/p2_a.png").unlink()
    (problem,) = CocoReader(root=str(root)).examine().problems
    assert (problem.kind, problem.case_id) == (Kind.MISSING, "p2_a")


def test_files_that_call_a_category_otherwise_are_named(root):
    edit(root / TRAIN, lambda content: content["categories"][0].update(name="blob"))
    (problem,) = CocoReader(root=str(root)).examine().problems
    assert (problem.kind, problem.where) == (Kind.LABEL, TRAIN)
    assert "category 1 is 'blob'" in problem.message


def test_an_id_that_is_given_twice_is_a_fault(root):
    edit(root / TRAIN, lambda content: content["images"][1].update(id=0))
    problem = CocoReader(root=str(root)).examine().problems[0]
    assert problem.where == f"{TRAIN}, images 2"
    assert "its id 0 is that of p1_a.png too" in problem.message


@pytest.mark.parametrize("text", ["[]", "{", '{"images": {}}', '{"images": [], "categories": []}'])
def test_another_file_is_refused(root, text):
    (root / TRAIN).write_text(text)
    (problem,) = CocoReader(root=str(root)).examine().problems
    assert TRAIN in str(problem)


def test_a_name_that_leaves_the_folder_is_a_fault(root):
    edit(root / TRAIN, lambda content: content["images"][0].update(file_name="../../x.png"))
    (problem,) = CocoReader(root=str(root)).examine().problems
    assert problem.kind is Kind.PATH


def test_no_annotations_at_all_are_said_at_once(tmp_path):
    with pytest.raises(DataError, match=r"--data\.reader\.annotations names the files"):
        read(tmp_path)


KEYPOINTS = ["left_eye", "right_eye"]


def with_keypoints(root, values=(10, 12.5, 2, 0, 0, 0), **changes):
    edit(root / TRAIN, lambda content: content["categories"][0].update(keypoints=KEYPOINTS))
    fake.edit_coco(root / TRAIN, keypoints=list(values), **changes)
    return root


def test_keypoints_of_one_object_are_landmarks(root):
    table = read(with_keypoints(root))
    targets = by_id(table)["p1_a"].targets
    assert targets["points"] == {"left_eye": (10, 12.5), "right_eye": None}
    assert targets["boxes"] == fake.BOXES["p1_a"]
    assert table.points == ("left_eye", "right_eye")
    assert "points" not in by_id(table)["p2_a"].targets


def test_keypoints_need_no_box(root):
    def without_boxes(content):
        for entry in content["annotations"]:
            del entry["bbox"]
            entry.update(keypoints=[1, 2, 1, 3, 4, 2], category_id=1)
        del content["annotations"][1]  # the second object of an image

    edit(with_keypoints(root) / TRAIN, without_boxes)
    targets = by_id(read(root))["p1_a"].targets
    assert targets == {"points": {"left_eye": (1, 2), "right_eye": (3, 4)}}


def test_keypoints_of_several_objects_are_left_out_and_named(root):
    def two(content):
        content["annotations"][1].update(keypoints=[1, 2, 1, 3, 4, 2], category_id=1)

    edit(with_keypoints(root) / TRAIN, two)
    table = read(root)
    assert "points" not in by_id(table)["p1_a"].targets
    (warning,) = table.warnings
    assert (warning.kind, warning.case_id) == (Kind.POINT, "p1_a")
    assert warning.where.endswith("annotations 2")
    assert "annotations 1 has keypoints of the same image" in warning.message
    assert "1 images have those of several objects" in table.notices[-1]


@pytest.mark.parametrize("values", [[1, 2, 2], [1, "two", 2, 3, 4, 2]])
def test_keypoints_of_another_form_are_a_fault(root, values):
    with_keypoints(root)
    assert "not x, y and visibility of each of 2" in fault(root, keypoints=values).message
