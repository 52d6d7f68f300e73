import pytest
from fakes import nnunet_raw as fake

from datamodules.cases import Structure
from datamodules.errors import DataError
from datamodules.problems import Kind
from datamodules.readers.nnunet_raw import NnUnetRawReader


def reader(root, **settings):
    return NnUnetRawReader(root=str(root), **settings)


def test_channels_are_files_and_have_their_names(tmp_path):
    table = reader(fake.write(tmp_path / "Dataset001_Balls")).read()
    inputs = {name: source.path for name, source in table.cases[0].inputs.items()}
    assert inputs == {"T1": "imagesTr/p0_0_0000.nii.gz", "T2": "imagesTr/p0_0_0001.nii.gz"}
    assert table.cases[0].targets["mask"].path == "labelsTr/p0_0.nii.gz"
    assert table.structures == (Structure("ball", (1,)), Structure("core", (2,)))
    assert (table.name, table.has_patients) == ("Dataset001_Balls", False)
    assert {case.split for case in table.cases} == {None}


def test_regions_overlap_and_ignore_is_not_known(tmp_path):
    fake.write(tmp_path, channels=1)
    labels = {"background": 0, "whole": [1, 2], "core": [2], "ignore": 3}
    fake.write_description(tmp_path, labels=labels)
    table = reader(tmp_path).read()
    assert table.structures == (Structure("whole", (1, 2)), Structure("core", (2,)))
    assert (table.overlapping, table.ignore_value) == (True, 3)


def test_test_images_with_masks_are_the_official_split(tmp_path):
    table = reader(fake.write(tmp_path, volumes=4, tests=2), patient_pattern=r"^(p\d+)_").read()
    assert [case.split for case in table.cases] == ["train_val"] * 4 + ["test"] * 2
    assert [case.patient_id for case in table.cases][3:] == ["p1", "p2", "p2"]


def test_test_images_without_masks_are_left_out(tmp_path):
    fake.write(tmp_path, volumes=4, tests=2, channels=1)
    for path in (tmp_path / "labelsTs").iterdir():
        path.unlink()
    (tmp_path / "labelsTs").rmdir()
    table = reader(tmp_path).read()
    assert {case.split for case in table.cases} == {None}
    assert table.notices == ("Test images without masks, left out: 2.",)


def test_colours_of_a_natural_image_are_in_one_file(tmp_path):
    for name in ("imagesTr/a_0000.png", "labelsTr/a.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    colours = {"0": "R", "1": "G", "2": "B"}
    fake.write_description(tmp_path, channel_names=colours, file_ending=".png")
    assert list(reader(tmp_path).read().cases[0].inputs) == ["image"]


def test_channels_of_one_name_are_told_apart(tmp_path):
    fake.write(tmp_path)
    fake.write_description(tmp_path, channel_names={"0": "noNorm", "1": "noNorm"})
    assert list(reader(tmp_path).read().cases[0].inputs) == ["noNorm_0", "noNorm_1"]


def test_missing_channels_masks_and_images_are_all_named(tmp_path):
    fake.write(tmp_path)
    (tmp_path / "imagesTr/p0_0_0001.nii.gz").unlink()
    (tmp_path / "labelsTr/p0_1.nii.gz").unlink()
    for channel in "01":
        (tmp_path / f"imagesTr/p1_2_000{channel}.nii.gz").unlink()
    (tmp_path / "imagesTr/p1_3_0002.nii.gz").touch()
    reading = reader(tmp_path).examine()
    assert [str(problem) for problem in reading.problems] == [
        "labelsTr/p1_2.nii.gz: there is no image for it (imagesTr/p1_2_0000.nii.gz)",
        "p0_0: there is no file imagesTr/p0_0_0001.nii.gz",
        "p0_1: there is no file labelsTr/p0_1.nii.gz",
        "p1_3: imagesTr/p1_3_0002.nii.gz is of a channel that dataset.json does not have",
    ]
    assert [problem.kind for problem in reading.problems][1:3] == [Kind.MISSING, Kind.LABEL]
    assert len(reading.table.cases) == 5


def test_files_may_be_listed_in_dataset_json(tmp_path):
    fake.write(tmp_path, volumes=1)
    images = [f"imagesTr/p0_0_000{channel}.nii.gz" for channel in (0, 1)]
    mask = "labelsTr/p0_0.nii.gz"
    listed = {
        "a": {"images": images, "label": mask},
        "b": {"images": images},
        "c": {"images": images[:1], "label": mask},
        "d": {"images": mask, "label": mask},
    }
    fake.write_description(tmp_path, dataset=listed, channel_names={"0": "T1", "1": "T2"})
    reading = reader(tmp_path).examine()
    assert [case.case_id for case in reading.table.cases] == ["a"]
    assert [str(problem) for problem in reading.problems] == [
        "dataset.json, dataset, b: it has no path under label",
        "dataset.json, dataset, c: it has 1 images, and there are 2 channels",
        "dataset.json, dataset, d: it has no list of paths under images",
    ]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"channel_names": None, "modality": {}}, "--data.reader.kind msd reads it"),
        ({"channel_names": {"1": "T1"}}, "channel_names is not of the form"),
        ({"file_ending": None}, "file_ending is not of the form"),
        ({"file_ending": ".nrrd"}, r"no images in imagesTr/ that are called CASE_0000\.nrrd"),
        ({"labels": {"background": 0}}, "labels is not of the form"),
        ({"labels": {"background": 0, "a": "1"}}, "the label 'a' is 1, not a value above 0"),
        ({"labels": {"background": 0, "a": 0}}, "the label 'a' is 0, not a value above 0"),
    ],
)
def test_a_dataset_json_that_cannot_be_used_is_explained(tmp_path, changed, message):
    fake.write(tmp_path, channels=1)
    fake.write_description(tmp_path, **changed)
    with pytest.raises(DataError, match=message):
        reader(tmp_path).read()
