import pytest
from fakes import lits as fake

from datamodules.cases import Structure
from datamodules.errors import DataError
from datamodules.readers.lits import LitsReader


def reader(root):
    return LitsReader(root=str(root))


def test_volumes_and_segmentations_of_one_number_are_a_pair(tmp_path):
    table = reader(fake.write(tmp_path, volumes=11)).read()
    assert [case.case_id for case in table.cases] == [f"volume-{number}" for number in range(11)]
    assert table.cases[1].inputs["image"].path == "Training Batch 2/volume-1.nii"
    assert table.cases[1].targets["mask"].path == "Training Batch 2/segmentation-1.nii"
    assert (table.has_patients, table.public) == (False, True)


def test_the_liver_contains_its_tumours(tmp_path):
    table = reader(fake.write(tmp_path)).read()
    assert table.structures == (Structure("liver", (1, 2)), Structure("tumour", (2,)))
    assert table.overlapping


def test_masks_may_lie_in_another_folder(tmp_path):
    root = fake.write(tmp_path, volumes=1)
    (root / "masks").mkdir()
    (root / "Training Batch 1/segmentation-0.nii").rename(root / "masks/segmentation-0.nii")
    assert reader(root).read().cases[0].targets["mask"].path == "masks/segmentation-0.nii"


def test_test_volumes_are_left_out(tmp_path):
    notices = reader(fake.write(tmp_path, tests=3)).read().notices
    assert notices == ("Test volumes, which have no published masks, left out: 3.",)


def test_unpaired_and_repeated_files_are_all_named(tmp_path):
    root = fake.write(tmp_path)
    (root / "Training Batch 1/segmentation-0.nii").unlink()
    (root / "Training Batch 2/volume-1.nii").unlink()
    (root / "Training Batch 2/volume-2.nii.gz").touch()
    reading = reader(root).examine()
    assert [str(each) for each in reading.problems] == [
        "volume-2: Training Batch 1/volume-2.nii and Training Batch 2/volume-2.nii.gz are both "
        "there; remove one",
        "volume-0: there is no file Training Batch 1/segmentation-0.nii",
        "Training Batch 2/segmentation-1.nii: there is no volume-1.nii for it",
    ]
    assert len(reading.table.cases) == 3


def test_another_folder_is_refused(tmp_path):
    with pytest.raises(DataError, match="is this the folder of LiTS"):
        reader(tmp_path).read()
