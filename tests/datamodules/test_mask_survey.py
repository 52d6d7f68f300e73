import numpy as np
import pytest
from fakes import msd
from fakes.mask_files import write_volume

from datamodules.configs.masks import MasksConfig
from datamodules.configs.splits import SplitConfig
from datamodules.errors import DataError
from datamodules.mask_survey import MaskSurvey
from datamodules.masks import MasksData
from datamodules.readers.msd import MsdReader


@pytest.fixture
def root(tmp_path):
    return msd.write(tmp_path / "data", volumes=12)


def config(root, **changed) -> MasksConfig:
    split = SplitConfig(val_fraction=0.25, test_fraction=0.25)
    reader = MsdReader(root=str(root), task="hippocampus")
    return MasksConfig(reader=reader, split=split, patch=(8, 8, 8), **changed)


def surveyed(root, **changed) -> MaskSurvey:
    survey = MaskSurvey(config(root, **changed), seed=0)
    survey.prepare()
    return survey


def path_of(root, survey, split, folder="imagesTr"):
    case = survey.table.cases[survey.indices(split)[0]]
    return root / folder / f"{case.case_id}.nii.gz"


def test_cases_are_divided_as_in_a_run(root):
    data = MasksData(config(root), seed=0)
    data.prepare()
    assert surveyed(root).splits == data.splits


def test_identical_images_divide_the_cases_as_in_a_run(root):
    for copy in (3, 7):
        (root / f"imagesTr/{msd.NAME.format(copy)}.nii.gz").write_bytes(
            (root / f"imagesTr/{msd.NAME.format(1)}.nii.gz").read_bytes()
        )
    data = MasksData(config(root), seed=0)
    data.prepare()
    assert surveyed(root).splits == data.splits
    assert len({data.splits[msd.NAME.format(number)] for number in (1, 3, 7)}) == 1


def test_nothing_is_cached(root, tmp_path):
    surveyed(root).measure()
    assert not (tmp_path / "cache").exists()


def test_training_cases_are_measured(root):
    survey = surveyed(root)
    found = survey.measure()
    assert len(found.cases) == len(survey.indices("train")) == 6
    assert (found.spacings == (1, 1, 2)).all()
    assert found.labels.names == ("Anterior", "Posterior")
    assert found.outputs == 3
    assert 150 < found.foreground.mean() < 270


def test_masks_beyond_training_are_never_opened(root):
    survey = surveyed(root)
    before = survey.measure()
    for split in ("val", "test"):
        path_of(root, survey, split, "labelsTr").write_bytes(b"")
    after = surveyed(root).measure()
    assert (after.foreground == before.foreground).all()


def test_what_test_images_show_changes_no_measure(root):
    survey = surveyed(root)
    before = survey.measure()
    write_volume(path_of(root, survey, "test"), np.full((99, 99, 99), 9e4, np.float32))
    after = surveyed(root).measure()
    assert (after.foreground == before.foreground).all()
    assert (after.shapes == before.shapes).all()


def test_only_structures_that_are_asked_for_count(root):
    both, one = surveyed(root).measure(), surveyed(root, structures=("Posterior",)).measure()
    assert one.labels.names == ("Posterior",)
    assert one.foreground.min() > both.foreground.min()


def test_every_damaged_file_is_named(root):
    for number in (2, 5):
        path = root / f"imagesTr/{msd.NAME.format(number)}.nii.gz"
        path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(DataError, match=r"2 of 12 images(.|\n)*_002(.|\n)*_005"):
        surveyed(root)


def test_a_damaged_mask_is_named(root):
    survey = surveyed(root)
    mask = path_of(root, survey, "train", "labelsTr")
    mask.write_bytes(mask.read_bytes()[:60])
    with pytest.raises(DataError, match=f"labelsTr/{mask.name}"):
        survey.measure()


def test_training_cases_without_any_structure_are_refused(root):
    survey = surveyed(root)
    for mask in (root / "labelsTr").iterdir():
        write_volume(mask, np.zeros((16, 14, 8), np.uint8))
    with pytest.raises(DataError, match="any of Anterior, Posterior"):
        survey.measure()


def test_cases_with_other_channels_are_named(root):
    survey = surveyed(root)
    odd = path_of(root, survey, "train")
    write_volume(odd, np.ones((16, 14, 8, 2), np.float32))
    with pytest.raises(DataError, match="most training cases have 3 axes and 1 channels") as raised:
        survey.measure()
    assert f"case '{odd.name[:-7]}': 3 axes and 2 channels" in str(raised.value)
