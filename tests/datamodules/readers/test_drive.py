import pytest
from fakes import fundus

from datamodules.errors import DataError
from datamodules.problems import Kind
from datamodules.readers.drive import DriveReader


def reader(root):
    return DriveReader(root=str(root))


def test_the_folders_are_the_official_split(tmp_path):
    table = reader(fundus.write_drive(tmp_path)).read()
    sides = {case.case_id: case.split for case in table.cases}
    assert sides["21_training"] == "train_val"
    assert sides["01_test"] == "test"
    assert (len(sides), table.has_patients) == (6, False)


def test_every_annotation_is_returned(tmp_path):
    targets = reader(fundus.write_drive(tmp_path)).read().cases[-1].targets
    assert targets["masks"]["vessels"].path == "test/1st_manual/03_manual1.gif"
    assert targets["masks_second_observer"]["vessels"].path == "test/2nd_manual/03_manual2.gif"
    assert targets["field_of_view"].path == "test/mask/03_test_mask.gif"


def test_test_images_without_vessels_are_left_out_and_the_split_is_drawn(tmp_path):
    table = reader(fundus.write_drive(tmp_path, tested=False)).read()
    assert {case.split for case in table.cases} == {None}
    assert table.notices == ("Test images, which have no masks (1st_manual), left out: 3.",)


def test_a_missing_mask_is_named(tmp_path):
    (fundus.write_drive(tmp_path) / "training/1st_manual/22_manual1.gif").unlink()
    reading = reader(tmp_path).examine()
    assert [(each.kind, each.case_id) for each in reading.problems] == [(Kind.LABEL, "22_training")]
    assert len(reading.table.cases) == 6


def test_another_folder_is_refused(tmp_path):
    with pytest.raises(DataError, match="is this DRIVE"):
        reader(tmp_path).read()
