"""What `check` says of images with boxes: every fault by its case, in one report."""

from dataclasses import replace

import numpy as np
import pytest
from fakes import box_files as fake
from fakes.masked_volumes import segmentation_experiment
from fakes.nih_chestxray14 import edit

from datamodules.configs.boxes import BoxesConfig
from datamodules.doctor.boxes import examine_boxes
from datamodules.doctor.stray_boxes import stray
from datamodules.errors import ConfigError, DataError
from datamodules.problems import Kind
from datamodules.readers.luna16 import Luna16Reader
from datamodules.readers.voc import VocReader


@pytest.fixture
def root(tmp_path):
    return fake.write_voc(tmp_path)


def examine(root, pixels=True, reader=VocReader, **settings):
    config = BoxesConfig(reader=reader(root=str(root)), **settings)
    return examine_boxes(config, pixels=pixels)


def notes(found):
    return [each.message for each in found.problems if each.severity == "notice"]


def of_severity(found, severity, kind=Kind.BOX):
    return found.by_kind(severity).get(kind, [])


def move(root, old, new, name="p1_a"):
    edit(root / f"Annotations/{name}.xml", old, new)


def test_a_sound_dataset_has_notes_only_and_its_boxes_are_counted(root):
    found = examine(root)
    assert found.by_kind("error") == {}
    counts = {(each.label, each.split): (each.positive, each.negative) for each in found.counts}
    assert counts["cell", "train"] == (2, 2)
    assert counts["dust", "val"] == (0, 1)
    assert len(found.images) == 6


def test_notes_say_how_many_boxes_there_are_and_how_large(root):
    said = notes(examine(root))
    assert "Images that are known to have nothing in them: 1 of 6." in said
    # cells: sqrt(20 * 8) = 12.6, 10, 9 and 9
    cells = "Boxes of cell: 4 in 4 images; mean sides from 9 to 12.6 pixels, half of them below 9.5"
    assert any(note.startswith(cells) for note in said)


def test_a_box_that_was_left_out_is_a_warning_and_no_error(root):
    move(root, "<xmax>30<", "<xmax>10<")
    found = examine(root, pixels=False)
    (warning,) = of_severity(found, "warning")
    assert warning.where == "Annotations/p1_a.xml, object 1"
    found.refuse_errors()


def test_a_box_outside_its_image_is_an_error_and_one_that_leaves_it_a_warning(root):
    move(root, "<xmin>10</xmin>", "<xmin>70</xmin>")
    move(root, "<xmax>30</xmax>", "<xmax>80</xmax>")
    move(root, "<ymax>15</ymax>", "<ymax>45</ymax>", "p2_a")
    found = examine(root)
    (outside,), (leaves,) = of_severity(found, "error"), of_severity(found, "warning")
    assert outside.case_id == "p1_a"
    assert "from 70, 12 to 80, 20 lies outside the image of 60 x 40 pixels" in outside.message
    assert leaves.case_id == "p2_a"
    assert "from 30, 5 to 40, 45 leaves the image of 60 x 40 pixels" in leaves.message


def test_a_pixel_beyond_the_image_is_rounding():
    assert stray((0, -1), (40, 20), (40, 60)) is None
    assert stray((0, -1.5), (40, 20), (40, 60)) == "leaves"
    assert stray((40, 0), (50, 20), (40, 60)) == "outside"
    assert stray((-9, 0), (0, 20), (40, 60)) == "outside"


def test_boxes_of_next_to_nothing_are_counted_in_one_warning(root):
    move(root, "<xmin>1</xmin>", "<xmin>8</xmin>", "p4_a")
    move(root, "<ymin>1</ymin>", "<ymin>7</ymin>", "p4_a")
    (small,) = of_severity(examine(root), "warning")
    assert "1 of 6 boxes are smaller than 4 voxels" in small.message
    assert "the smallest, of case 'p4_a', has 2.4" in small.message


def test_damaged_and_strange_images_are_named(root):
    (root / "JPEGImages/p1_a.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    fake.write_image(root / "JPEGImages/p2_a.png", np.arange(2400).reshape(40, 60) % 256)
    fake.write_image(root / "JPEGImages/p3_a.png", np.zeros((40, 60, 3)))
    found = examine(root)
    unreadable = {
        each.case_id: each.message for each in of_severity(found, "error", Kind.UNREADABLE)
    }
    assert set(unreadable) == {"p1_a", "p2_a"}
    assert "2 axes and 1 channels, and most have 2 axes and 3" in unreadable["p2_a"]
    assert [each.case_id for each in of_severity(found, "warning", Kind.BLANK)] == ["p3_a"]


def test_files_stay_closed_unless_they_are_asked_for(root):
    for path in (root / "JPEGImages").iterdir():
        path.write_bytes(b"nothing")
    found = examine(root, pixels=False)
    assert (found.images, found.by_kind("error")) == (None, {})


def test_a_class_that_does_not_exist_is_told_at_once(root):
    with pytest.raises(ConfigError, match="did you mean 'cell'"):
        examine(root, pixels=False, classes=("cel",))


def test_training_images_without_any_box_are_nothing_to_learn_from(root):
    for name in fake.SIDES["train"]:
        (root / f"Annotations/{name}.xml").write_text("<annotation/>")
    with pytest.raises(DataError, match="no training image has a box"):
        examine(root).refuse_errors()


def test_boxes_in_mm_are_measured_in_the_voxels_of_their_volume(tmp_path):
    root = fake.write_luna16(tmp_path)
    edit(root / "annotations.csv", "0,0,-80,8.5", "500,0,-80,8.5")
    found = examine(root, reader=Luna16Reader, patch=(8, 8, 8))
    (outside,) = of_severity(found, "error")
    assert outside.case_id == fake.UIDS[0]
    assert "lies outside the image of 20 x 16 x 12 voxels" in outside.message
    # 6 mm are 3 x 3 x 2 voxels of 2 x 2 x 3 mm
    assert any(
        "2.5" in each.message or "2.2" in each.message for each in of_severity(found, "warning")
    )
    assert any("from 5 to 8.5 mm" in note for note in notes(found))


def test_volumes_with_boxes_of_pictures_are_named(tmp_path):
    root = fake.write_luna16(tmp_path)
    config = BoxesConfig(reader=Luna16Reader(root=str(root)), patch=(8, 8, 8))
    table = config.reader.read()
    targets = {"boxes": [("nodule", 1.0, 1.0, 2.0, 2.0)]}
    case = replace(table.cases[0], targets=targets)
    found = examine_boxes(config, replace(table, cases=(case, *table.cases[1:])), pixels=True)
    (problem,) = of_severity(found, "error", Kind.UNREADABLE)
    assert "its boxes have two, and the image has 3" in problem.message


def test_boxes_of_masks_are_examined_as_masks(tmp_path):
    masks = segmentation_experiment(tmp_path, cases=8).data
    config = BoxesConfig(reader=masks.reader, boxes_from="masks", patch=(8, 8, 8))
    found = examine_boxes(config, pixels=True)
    assert {each.label for each in found.counts} == {"ball", "shell"}
