import os
from pathlib import Path

import pytest
from fakes import msd as fake
from pydantic import ValidationError

from datamodules.cases import Structure
from datamodules.errors import DataError
from datamodules.problems import Kind
from datamodules.readers.msd import WITHOUT_DATASET_FILE, MsdReader
from datamodules.readers.msd_tasks import TASKS


def reader(root, **settings):
    return MsdReader(root=str(root), **settings)


def test_dataset_json_says_images_masks_and_labels(tmp_path):
    table = reader(fake.write(tmp_path), task="hippocampus").read()
    assert (table.name, table.public, table.has_patients) == ("hippocampus", True, False)
    assert table.structures == (Structure("Anterior", (1,)), Structure("Posterior", (2,)))
    assert table.cases[0].case_id == "hippocampus_001"
    assert table.cases[0].inputs["image"].path == "imagesTr/hippocampus_001.nii.gz"
    assert table.cases[0].targets["mask"].path == "labelsTr/hippocampus_001.nii.gz"


def test_test_images_have_no_masks_and_are_left_out(tmp_path):
    table = reader(fake.write(tmp_path, volumes=3, tests=2)).read()
    assert len(table.cases) == 3
    assert table.notices == ("Test images, which have no published masks, left out: 2.",)


def test_data_of_ones_own_is_private_and_may_have_patients(tmp_path):
    table = reader(fake.write(tmp_path), patient_pattern=r"_(\d)").read()
    assert (table.public, table.has_patients) == (False, True)
    assert {case.patient_id for case in table.cases} == {"0"}


def test_structures_may_be_put_in_place_of_labels(tmp_path):
    table = reader(fake.write(tmp_path), structures=("all=1,2", "Posterior=2")).read()
    assert table.structures == (Structure("all", (1, 2)), Structure("Posterior", (2,)))


def test_structures_need_values():
    with pytest.raises(ValidationError, match="need their values, such as liver=1"):
        MsdReader(structures=("liver", "cancer"))


@pytest.mark.parametrize("folders", [("images", "labels"), ("imagesTr", "labelsTr")])
def test_without_dataset_json_names_pair_and_published_labels_hold(tmp_path, folders):
    fake.write(tmp_path)
    (tmp_path / "dataset.json").unlink()
    for old, new in zip(("imagesTr", "labelsTr"), folders, strict=True):
        (tmp_path / old).rename(tmp_path / new)
    table = reader(tmp_path, task="hippocampus").read()
    assert len(table.cases) == 6
    assert table.structures == TASKS["hippocampus"].structures
    assert (table.name, table.public) == ("hippocampus", True)
    assert table.notices == (WITHOUT_DATASET_FILE,)


def test_without_dataset_json_and_task_nothing_is_known(tmp_path):
    fake.write(tmp_path)
    (tmp_path / "dataset.json").unlink()
    with pytest.raises(DataError, match=r"there is no dataset\.json"):
        reader(tmp_path).read()


def test_files_that_are_missing_are_all_named(tmp_path):
    fake.write(tmp_path)
    (tmp_path / "imagesTr/hippocampus_002.nii.gz").unlink()
    (tmp_path / "labelsTr/hippocampus_003.nii.gz").unlink()
    reading = reader(tmp_path).examine()
    assert [(problem.kind, problem.case_id) for problem in reading.problems] == [
        (Kind.MISSING, "hippocampus_002"),
        (Kind.LABEL, "hippocampus_003"),
    ]
    assert len(reading.table.cases) == 6
    assert reading.table.cases[1].inputs == {}
    assert reading.table.cases[2].targets == {}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"training": None}, "training is not a list"),
        ({"training": ["a.nii.gz"]}, r"training entry 1: it has no text under image and label"),
        ({"training": [{"image": "../a.nii", "label": "b"}]}, "leaves the root"),
        ({"test": 2, "labels": ["background"]}, "labels is not of the form"),
        ({"labels": {"background": 0, "a": 1}, "channel_names": {}}, "kind nnunet-raw reads"),
        ({"labels": {"0": "background", "one": "a"}}, "the label 'one' is no whole number"),
    ],
)
def test_a_dataset_json_that_cannot_be_used_is_explained(tmp_path, changed, message):
    fake.write(tmp_path)
    training = [{"image": "imagesTr/hippocampus_001.nii.gz", "label": "labelsTr/x.nii.gz"}]
    fake.write_description(tmp_path, **{"training": training, **changed})
    with pytest.raises(DataError, match=message):
        reader(tmp_path).read()


@pytest.mark.parametrize("text", ["", "{", "[]", "\x00"])
def test_a_damaged_dataset_json_is_a_data_error(tmp_path, text):
    (tmp_path / "dataset.json").write_text(text)
    with pytest.raises(DataError, match=r"dataset\.json"):
        reader(tmp_path).read()


def test_a_volume_that_is_listed_twice_is_named(tmp_path):
    fake.write(tmp_path, volumes=1)
    entry = {"image": "imagesTr/hippocampus_001.nii.gz", "label": "labelsTr/hippocampus_001.nii.gz"}
    fake.write_description(tmp_path, training=[entry, entry])
    with pytest.raises(DataError, match="would both be this case"):
        reader(tmp_path).read()


def test_a_task_is_found_under_either_name(tmp_path, monkeypatch):
    monkeypatch.setenv("LIGHTBOX_DATA", str(tmp_path))
    with pytest.raises(DataError, match="no folder Task04_Hippocampus or hippocampus in"):
        MsdReader(task="hippocampus").read()
    fake.write(tmp_path / "hippocampus")
    assert MsdReader(task="hippocampus").read().root == tmp_path / "hippocampus"
    fake.write(tmp_path / "msd/Task04_Hippocampus")
    assert MsdReader(task="hippocampus").read().root == tmp_path / "msd/Task04_Hippocampus"


@pytest.mark.data
def test_the_published_hippocampi_are_156_pairs():
    if not (Path(os.environ["LIGHTBOX_DATA"]) / "hippocampus").is_dir():
        pytest.skip("hippocampus is not under LIGHTBOX_DATA")
    table = MsdReader(task="hippocampus").read()
    assert len(table.cases) == 156
    assert all((table.root / case.targets["mask"].path).is_file() for case in table.cases)
