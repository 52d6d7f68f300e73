from collections import Counter

import pytest
from fakes import image_mask_folders as fake
from pydantic import ValidationError

from datamodules.cases import Structure
from datamodules.errors import DataError
from datamodules.problems import Kind
from datamodules.readers.image_mask_folders import ImageMaskFoldersReader


def reader(root, **settings):
    return ImageMaskFoldersReader(root=str(root), **settings)


def test_images_and_masks_of_one_name_are_a_pair(tmp_path):
    table = reader(fake.write(tmp_path), structures=("ball=1", "core=2")).read()
    assert len(table.cases) == 6
    assert table.cases[0].inputs["image"].path == "images/p1_0.png"
    assert table.cases[0].targets["mask"].path == "masks/p1_0.png"
    assert table.structures == (Structure("ball", (1,)), Structure("core", (2,)))
    assert (table.overlapping, table.has_patients, table.public) == (False, False, False)


def test_without_structures_everything_but_zero_is_inside(tmp_path):
    table = reader(fake.write(tmp_path)).read()
    assert table.structures == (Structure("foreground"),)
    assert table.cases[0].targets["masks"]["foreground"].path == "masks/p1_0.png"


def test_structures_that_share_a_value_overlap(tmp_path):
    table = reader(fake.write(tmp_path), structures=("whole=1,2", "core = 2")).read()
    assert table.structures == (Structure("whole", (1, 2)), Structure("core", (2,)))
    assert table.overlapping


def test_a_folder_a_structure_is_a_mask_a_structure(tmp_path):
    table = reader(fake.write_structures(tmp_path), mask_name="{structure}/{id}").read()
    assert [each.name for each in table.structures] == ["ball", "core"]
    masks = {name: source.path for name, source in table.cases[1].targets["masks"].items()}
    assert masks == {"ball": "masks/ball/1.png", "core": "masks/core/1.png"}


def test_named_structures_are_in_their_own_order(tmp_path):
    root = fake.write_structures(tmp_path)
    table = reader(root, mask_name="{structure}/{id}", structures=("core", "ball")).read()
    assert [each.name for each in table.structures] == ["core", "ball"]


def test_images_and_masks_may_share_a_folder(tmp_path):
    for name in ("a.jpg", "a_1stHO.png", "b_01.jpg", "b_01_1stHO.png"):
        (tmp_path / name).touch()
    table = reader(tmp_path, images=".", masks=".", mask_name="{id}_1stHO.png").read()
    assert [case.case_id for case in table.cases] == ["a", "b_01"]
    assert table.cases[1].inputs["image"].path == "b_01.jpg"


def test_one_file_a_channel_keeps_the_given_order(tmp_path):
    for name in ("a_t2.nii.gz", "a_t1.nii.gz", "b_x_t1.nii.gz", "b_x_t2.nii.gz"):
        (tmp_path / "images").mkdir(exist_ok=True)
        (tmp_path / "images" / name).touch()
    for name in ("a", "b_x"):
        (tmp_path / "masks").mkdir(exist_ok=True)
        (tmp_path / "masks" / f"{name}.nii.gz").touch()
    table = reader(tmp_path, image_name="{id}_{channel}", channels=("t2", "t1")).read()
    assert [(name, s.path) for name, s in table.cases[1].inputs.items()] == [
        ("t2", "images/b_x_t2.nii.gz"),
        ("t1", "images/b_x_t1.nii.gz"),
    ]


def test_a_channel_that_one_case_lacks_is_named(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "masks").mkdir()
    for name in ("images/a_t1.nii", "images/a_t2.nii", "images/b_t1.nii"):
        (tmp_path / name).touch()
    for name in ("masks/a.nii", "masks/b.nii"):
        (tmp_path / name).touch()
    with pytest.raises(DataError, match=r"b: there is no channel t2 \(images/b_t2\)"):
        reader(tmp_path, image_name="{id}_{channel}").read()


def test_a_folder_of_dicom_files_is_an_image(tmp_path):
    for name in ("p1", "p2"):
        (tmp_path / "images" / name).mkdir(parents=True)
        (tmp_path / "images" / name / "IM0001").touch()
        (tmp_path / "masks").mkdir(exist_ok=True)
        (tmp_path / "masks" / f"{name}.nii.gz").touch()
    table = reader(tmp_path, image_name="{id}/").read()
    assert [case.inputs["image"].path for case in table.cases] == ["images/p1", "images/p2"]


@pytest.mark.parametrize("layout", ["{side}/{kind}", "{kind}/{side}"])
def test_split_folders_are_the_official_split(tmp_path, layout):
    for side in ("Train", "test"):
        for kind in ("images", "masks"):
            folder = tmp_path / layout.format(side=side, kind=kind)
            folder.mkdir(parents=True)
            (folder / f"{side}1.png").touch()
    table = reader(tmp_path).read()
    assert {case.case_id: case.split for case in table.cases} == {
        "Train1": "train",
        "test1": "test",
    }


def test_a_folder_that_links_out_of_the_root_is_refused(tmp_path):
    root = fake.write(tmp_path / "root", images=2)
    (root / "images").rename(tmp_path / "elsewhere")
    (root / "images").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DataError, match="leaves the root"):
        reader(root).read()


def test_ids_that_two_sides_share_are_told_apart(tmp_path):
    root = fake.write(tmp_path, images=1, sides=("train",))
    fake.write(root, images=1, sides=("test",))
    table = reader(root, patient_pattern=r"^(p\d+)_").read()
    assert [case.case_id for case in table.cases] == ["test_p1_0", "train_p1_0"]
    assert {case.patient_id for case in table.cases} == {"p1"}


def test_a_side_without_masks_is_left_out_with_a_notice(tmp_path):
    root = fake.write(tmp_path, images=2, sides=("train",))
    (root / "test/images").mkdir(parents=True)
    (root / "test/images/x.png").touch()
    table = reader(root).read()
    assert {case.split for case in table.cases} == {"train"}
    assert table.notices == ("Images in test/images, of which there are no masks, left out: 1.",)


def test_all_unpaired_files_are_named_and_the_rest_is_known(tmp_path):
    root = fake.write(tmp_path)
    (root / "masks/p1_0.png").unlink()
    (root / "masks/p3_5.png").unlink()
    (root / "images/p2_2.png").unlink()
    reading = reader(root).examine()
    assert [str(problem) for problem in reading.problems] == [
        "p1_0: there is no mask for it (masks/p1_0)",
        "p3_5: there is no mask for it (masks/p3_5)",
        "masks/p2_2.png: there is no image for it (images/p2_2)",
    ]
    assert Counter(problem.kind for problem in reading.problems) == {Kind.LABEL: 2, Kind.MISSING: 1}
    targets = {case.case_id: bool(case.targets) for case in reading.table.cases}
    assert targets == {"p1_0": False, "p1_1": True, "p2_3": True, "p3_4": True, "p3_5": False}


def test_two_files_of_one_case_are_named(tmp_path):
    (fake.write(tmp_path) / "images/p1_0.jpg").touch()
    with pytest.raises(DataError, match=r"p1_0\.jpg and images/p1_0\.png are both of this name"):
        reader(tmp_path).read()


def test_a_pattern_takes_the_patient_from_the_id(tmp_path):
    table = reader(fake.write(tmp_path), patient_pattern=r"^(p\d+)_").read()
    assert [case.patient_id for case in table.cases][:3] == ["p1", "p1", "p2"]
    assert table.has_patients
    with pytest.raises(DataError, match="p1_0: the id does not match the patient pattern"):
        reader(tmp_path, patient_pattern=r"^(q\d+)_").read()


def test_other_files_are_left_out_with_a_notice(tmp_path):
    (fake.write(tmp_path) / "images/notes.txt").touch()
    (tmp_path / "images/.DS_Store").touch()
    notices = reader(tmp_path).read().notices
    assert notices == ("Files in images of other names than {id}, left out: 1.",)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"images": "imgs"}, "there is no folder 'imgs'"),
        ({"masks": "labels"}, "there is no folder 'labels'"),
        ({"image_name": "{id}.jpg"}, r"no images called \{id\}\.jpg in images/"),
        ({"mask_name": "{id}_mask"}, r"no masks called \{id\}_mask in masks/"),
        ({"images": "../images"}, "leaves the root"),
    ],
)
def test_folders_and_names_that_are_not_there_are_said(tmp_path, settings, message):
    root = fake.write(tmp_path / "root")
    fake.write(tmp_path)
    with pytest.raises(DataError, match=message):
        reader(root, **settings).read()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"image_name": "a.png"}, r"needs \{id\}"),
        ({"mask_name": "{case}.png"}, r"\{case\} is not known; \{id\} and \{structure\} are"),
        ({"mask_name": "../{id}"}, "has to stay in its folder"),
        ({"masks": "images"}, "nothing tells them apart"),
        ({"structures": ("a", "b")}, "need their values, such as a=1"),
        ({"structures": ("a=1", "b")}, "or none of them"),
        ({"structures": ("a=1", "A=2")}, "different names"),
        ({"structures": ("a=0",)}, "0 is the background"),
        ({"structures": ("a=x",)}, "is no structure"),
        ({"structures": ("a=1",), "mask_name": "{structure}/{id}"}, "and no values"),
        ({"ignore_value": 255}, "needs structures with values"),
        ({"channels": ("t1",)}, r"no \{channel\}"),
        ({"patient_pattern": "p"}, "round brackets"),
    ],
)
def test_settings_that_do_not_fit_are_refused(settings, message):
    with pytest.raises(ValidationError, match=message):
        ImageMaskFoldersReader(**settings)
