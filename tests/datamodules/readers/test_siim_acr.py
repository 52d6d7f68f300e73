import pytest
from fakes import siim_acr as fake

from datamodules.cases import Source, Structure
from datamodules.errors import DataError
from datamodules.problems import Kind
from datamodules.readers.siim_acr import SiimAcrReader


def reader(root):
    return SiimAcrReader(root=str(root))


def test_the_table_is_the_mask_of_each_image(tmp_path):
    table = reader(fake.write(tmp_path)).read()
    case, name = table.cases[0], fake.image_id(0)
    assert case.case_id == name
    assert case.inputs["image"].path == f"dicom-images-train/0.1/0.2/{name}.dcm"
    assert case.targets["mask"] == Source("train-rle.csv", f"rle[{name}]")
    assert table.structures == (Structure("pneumothorax", (1,)),)
    assert (table.has_patients, table.public) == (False, True)


def test_an_image_without_pneumothorax_has_an_empty_mask(tmp_path):
    one, two = reader(fake.write(tmp_path)).read().cases[:2]
    assert one.targets["findings"] == {"pneumothorax": 1.0}
    assert two.targets["findings"] == {"pneumothorax": 0.0}
    assert two.targets["mask"].selector == f"rle[{fake.image_id(1)}]"


def test_several_rows_are_parts_of_one_mask(tmp_path):
    fake.write(tmp_path, images=1)
    fake.write_rows(tmp_path, [(fake.image_id(0), fake.RUNS), (fake.image_id(0), "10 5")])
    assert len(reader(tmp_path).read().cases) == 1


@pytest.mark.parametrize(
    ("runs", "message"),
    [
        ("10 5 7", "is neither pairs of whole numbers nor -1"),
        ("a b", "is neither pairs of whole numbers nor -1"),
        ("", "is neither pairs of whole numbers nor -1"),
        ("1048570 7", "goes beyond the 1024 x 1024 pixels"),
    ],
)
def test_a_faulty_encoding_is_named_and_the_image_not_annotated(tmp_path, runs, message):
    fake.write(tmp_path, images=2)
    fake.write_rows(tmp_path, [(fake.image_id(0), runs), (fake.image_id(1), "-1")])
    reading = reader(tmp_path).examine()
    assert [problem.kind for problem in reading.problems] == [Kind.LABEL]
    assert f"train-rle.csv row 2, {fake.image_id(0)}" in str(reading.problems[0])
    assert message in str(reading.problems[0])
    assert [bool(case.targets) for case in reading.table.cases] == [False, True]


def test_none_and_some_in_one_image_is_a_contradiction(tmp_path):
    fake.write(tmp_path, images=1)
    fake.write_rows(tmp_path, [(fake.image_id(0), "-1"), (fake.image_id(0), "10 5")])
    with pytest.raises(DataError, match="another row of the image says otherwise"):
        reader(tmp_path).read()


def test_images_that_are_missing_or_not_listed_are_said(tmp_path):
    fake.write(tmp_path, images=4)
    next(tmp_path.rglob(f"{fake.image_id(0)}.dcm")).unlink()
    rows = [(fake.image_id(number), "-1") for number in range(3)]
    fake.write_rows(tmp_path, rows)
    reading = reader(tmp_path).examine()
    assert [(each.kind, each.case_id) for each in reading.problems] == [
        (Kind.MISSING, fake.image_id(0))
    ]
    assert reading.table.notices == ("Images that train-rle.csv does not list, left out: 1.",)


def test_the_table_of_the_second_stage_is_read(tmp_path):
    fake.write(tmp_path)
    (tmp_path / "train-rle.csv").rename(tmp_path / "stage_2_train.csv")
    assert reader(tmp_path).read().cases[0].targets["mask"].path == "stage_2_train.csv"


def test_another_folder_and_another_table_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"neither stage_2_train\.csv nor train-rle\.csv"):
        reader(tmp_path).read()
    (tmp_path / "train-rle.csv").write_text("ImageId,Pixels\na,-1\n")
    with pytest.raises(DataError, match="column 'EncodedPixels' is missing"):
        reader(tmp_path).read()
