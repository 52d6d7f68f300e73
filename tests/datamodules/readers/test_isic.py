from collections import Counter

import pytest
from fakes import isic as fake

from datamodules.errors import DataError
from datamodules.problems import Kind
from datamodules.readers.isic import IsicReader


def reader(root):
    return IsicReader(root=str(root))


def test_photographs_and_outlines_of_one_name_are_a_pair(tmp_path):
    table = reader(fake.write(tmp_path)).read()
    case = table.cases[0]
    assert case.inputs["image"].path == "ISIC2018_Task1-2_Training_Input/ISIC_0000000.jpg"
    mask = "ISIC2018_Task1_Training_GroundTruth/ISIC_0000000_segmentation.png"
    assert case.targets["masks"]["lesion"].path == mask
    assert (table.has_patients, table.public) == (False, True)


@pytest.mark.parametrize(
    ("sides", "splits"),
    [
        (fake.SIDES, {"train": 3, "val": 3, "test": 3}),
        (("Training", "Test"), {"train_val": 3, "test": 3}),
        (("Training",), {None: 3}),
    ],
)
def test_the_official_split_is_kept_as_far_as_it_is_there(tmp_path, sides, splits):
    cases = reader(fake.write(tmp_path, sides=sides)).read().cases
    assert Counter(case.split for case in cases) == splits


def test_a_side_without_outlines_is_left_out(tmp_path):
    fake.write(tmp_path)
    (tmp_path / "ISIC2018_Task1_Test_GroundTruth").rename(tmp_path / "elsewhere")
    table = reader(tmp_path).read()
    assert {case.split for case in table.cases} == {"train", "val"}
    assert table.notices == ("Test images without masks, left out: 3.",)


def test_unpaired_files_are_all_named(tmp_path):
    fake.write(tmp_path)
    masks = "ISIC2018_Task1_Training_GroundTruth"
    (tmp_path / masks / "ISIC_0000000_segmentation.png").unlink()
    (tmp_path / "ISIC2018_Task1-2_Training_Input/ISIC_0000001.jpg").unlink()
    reading = reader(tmp_path).examine()
    assert [(each.kind, each.where) for each in reading.problems] == [
        (Kind.LABEL, "ISIC_0000000"),
        (Kind.MISSING, f"{masks}/ISIC_0000001_segmentation.png"),
    ]
    assert len(reading.table.cases) == 8


def test_another_folder_is_refused(tmp_path):
    with pytest.raises(DataError, match="no ISIC2018_Task1-2_Training_Input"):
        reader(tmp_path).read()
