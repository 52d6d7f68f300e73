import gzip
from collections import Counter

import pytest
from fakes import rsna_pneumonia as fake
from fakes.nih_chestxray14 import edit

from datamodules.configs.splits import SplitConfig
from datamodules.configs.xrays import XrayPreprocessing, XraysConfig
from datamodules.errors import DataError
from datamodules.problems import Kind
from datamodules.readers.rsna_annotations import CLASSES
from datamodules.readers.rsna_pneumonia import RsnaPneumoniaReader
from datamodules.splits import assign_splits
from datamodules.targets import label_set, target_matrix
from datamodules.xrays import XraysData

FIRST, SECOND, THIRD, FOURTH = (fake.image_id(number) for number in range(4))
BOX = "264.0,152.0,213.0,379.0,1"


@pytest.fixture
def root(tmp_path):
    return fake.write(tmp_path)


def read(root, **settings):
    return RsnaPneumoniaReader(root=str(root), **settings).read()


def problems(root, **settings):
    with pytest.raises(DataError) as caught:
        read(root, **settings)
    return caught.value.problems


def test_an_image_has_one_case_however_many_boxes_it_has(root):
    table = read(root)
    assert len(table.cases) == 12
    assert table.cases[0].inputs["image"].path == f"stage_2_train_images/{FIRST}.dcm"
    counts = Counter(len(case.targets["boxes"]) for case in table.cases)
    assert counts == {0: 8, 1: 2, 2: 2}
    assert table.cases[3].targets["boxes"] == [("Lung Opacity", 264.0, 152.0, 213.0, 379.0)]
    assert table.objects == ("Lung Opacity",)


def test_the_label_is_the_binary_one_of_the_challenge(root):
    table = read(root)
    labels = label_set(table, ())
    assert (labels.names, labels.binary) == (("Lung Opacity",), True)
    assert target_matrix(table, labels)[:, 0].tolist() == [1, 0, 0] * 4


def test_three_classes_are_told_apart_when_asked_for(root):
    table = read(root, labels="classes")
    assert (table.classes, label_set(table, ()).names) == (CLASSES, CLASSES)
    assert [case.targets["class"] for case in table.cases[:3]] == list(fake.CLASS_NAMES)
    assert target_matrix(table, label_set(table, ())).sum(0).tolist() == [4, 4, 4]


def test_the_finding_can_have_the_name_that_a_model_knows(root):
    case = read(root, finding="Pneumonia").cases[3]
    assert case.targets["findings"] == {"Pneumonia": 1.0}
    assert case.targets["boxes"][0][0] == "Pneumonia"


def test_patients_come_from_the_mapping_to_nih(root):
    table = read(root)
    assert [case.patient_id for case in table.cases[:4]] == ["1", "1", "2", "2"]
    assert (table.has_patients, table.notices) == (True, ())
    splits = assign_splits(table, SplitConfig())
    assert splits[FIRST] == splits[SECOND]


def test_without_the_mapping_no_patients_are_known(tmp_path):
    table = read(fake.write(tmp_path, mapping=False))
    assert not table.has_patients
    assert all(case.patient_id == case.case_id for case in table.cases)
    assert "one patient's images may be on two sides" in table.notices[0]


def test_the_mapping_may_have_another_name(root):
    (root / fake.MAPPING).rename(root / "nih.json")
    assert not read(root).has_patients
    assert read(root, nih_mapping="nih.json").has_patients
    with pytest.raises(DataError, match=r"the mapping other\.json is not in the dataset's folder"):
        read(root, nih_mapping="other.json")


def test_gzipped_tables_are_read_too(root):
    before = read(root).cases
    for name in (fake.LABELS, fake.CLASSES):
        (root / f"{name}.gz").write_bytes(gzip.compress((root / name).read_bytes()))
        (root / name).unlink()
    assert read(root).cases == before


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (BOX, ",,,,1", f"row 2, {FIRST}: Target is 1, and there is no box"),
        (f"{SECOND},,,,,0", f"{SECOND},{BOX[:-1]}0", f"{SECOND}: Target is 0, and there is a box"),
        (BOX, f"{BOX[:-1]}2", f"row 2, {FIRST}: Target is '2', not 0 or 1"),
        (BOX, "264.0,,213.0,379.0,1", "the box 264.0, , 213.0, 379.0 is not four numbers"),
        (BOX, "a,152.0,213.0,379.0,1", "the box a, 152.0, 213.0, 379.0 is not four numbers"),
        (BOX, "264.0,152.0,0,379.0,1", "264, 152, 0, 379 is empty or lies outside the 1024 x 1024"),
        (BOX, "812,152,213,379,1", "the box 812, 152, 213, 379 is empty or lies outside"),
        (BOX, "-1,152,213,379,1", "the box -1, 152, 213, 379 is empty or lies outside"),
        (BOX, "nan,152,213,379,1", "the box nan, 152, 213, 379 is empty or lies outside"),
        ("562.0,152.0,256.0,453.0,1", BOX, f"row 3, {FIRST}: the same as {fake.LABELS} row 2"),
        (
            "562.0,152.0,256.0,453.0,1",
            ",,,,0",
            f"row 3, {FIRST}: Target is 0, and another in a row above",
        ),
        (FOURTH, THIRD, f"row 6, {THIRD}: Target is 1, and another in a row above"),
        (FIRST, "../x", r"row 2, ../x: the patientId has a character that a file name cannot have"),
        (FIRST, "", "row 2, : the patientId is empty"),
    ],
)
def test_a_wrong_row_of_the_boxes_is_named(root, old, new, says):
    edit(root / fake.LABELS, old, new)
    assert any(f"{fake.LABELS} " in problem and says in problem for problem in problems(root))


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (f"{SECOND},Normal", f"{SECOND},normal", "'normal' is not one of the three classes; did"),
        (
            f"{SECOND},Normal",
            f"{SECOND},Lung Opacity",
            f"row 4, {SECOND}: Target is 0, and the class is 'Lung Opacity'",
        ),
        (
            f"{FOURTH},Lung Opacity",
            f"{FOURTH},Normal",
            f"row 6, {FOURTH}: Target is 1, and the class is 'Normal'",
        ),
        (f"{FIRST},Lung Opacity", f"{FIRST},Normal", "and in a row above it is 'Normal'"),
    ],
)
def test_a_wrong_class_is_named_once(root, old, new, says):
    edit(root / fake.CLASSES, old, new)
    (problem,) = problems(root)
    assert says in problem


def test_an_image_in_one_table_only_is_named(root):
    edit(root / fake.CLASSES, f"{SECOND},Normal\n", "other,Normal\n")
    assert problems(root) == (
        f"{fake.LABELS} row 4, {SECOND}: the image is not in {fake.CLASSES}",
        f"{fake.CLASSES}, other: the image is not in {fake.LABELS}",
    )


def test_all_faults_are_in_one_report(root):
    edit(root / fake.LABELS, BOX, ",,,,1")
    edit(root / fake.CLASSES, f"{SECOND},Normal", f"{SECOND},Lung Opacity")
    (root / fake.FOLDER / f"{THIRD}.dcm").unlink()
    fake.write_mapping(root, [fake.entry(number) for number in range(11)])
    assert problems(root) == (
        f"{fake.LABELS} row 2, {FIRST}: Target is 1, and there is no box",
        f"{fake.LABELS} row 4, {SECOND}: Target is 0, and the class is 'Lung Opacity'",
        f"{fake.LABELS} row 5, {THIRD}: there is no file {fake.FOLDER}/{THIRD}.dcm",
        f"{fake.LABELS} row 15, {fake.image_id(11)}: the image is not in {fake.MAPPING}",
    )


def test_what_is_sound_is_known_beside_the_faults(root):
    edit(root / fake.LABELS, BOX, ",,,,1")
    (root / fake.FOLDER / f"{THIRD}.dcm").unlink()
    fake.write_mapping(root, [fake.entry(number) for number in range(11)])
    reading = RsnaPneumoniaReader(root=str(root)).examine()
    assert [each.kind for each in reading.problems] == [Kind.BOX, Kind.MISSING, Kind.PATIENT]
    assert [each.case_id for each in reading.problems] == [FIRST, THIRD, fake.image_id(11)]
    cases = reading.table.cases
    assert (len(cases), cases[0].targets, cases[2].inputs) == (12, {}, {})
    assert cases[11].patient_id == cases[11].case_id


def test_without_most_of_the_films_the_root_is_suspected(root):
    (root / fake.FOLDER).rename(root / "stage_2_test_images")
    with pytest.raises(DataError, match=r"12 of 12 images are not there: is --data\.reader\.root"):
        read(root)


def test_a_folder_of_films_that_is_a_link_to_elsewhere_is_refused(root, tmp_path_factory):
    (root / fake.FOLDER).rename(tmp_path_factory.mktemp("elsewhere") / "films")
    (root / fake.FOLDER).symlink_to(tmp_path_factory.getbasetemp())
    assert "is a link that leaves the root" in problems(root)[0]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ({}, "is not a list of images; get it from https://www.rsna.org/"),
        ([], "is not a list of images"),
        ([["00000001_000.png", FIRST]], "entry 1: it has no text under subset_img_id and img_id"),
        ([{"subset_img_id": FIRST, "img_id": 1}], "entry 1: it has no text under"),
        ([{"subset_img_id": FIRST, "img_id": "x.png"}], "'x.png' is no image name of NIH"),
        ([fake.entry(0), {**fake.entry(0), "img_id": "7_0.png"}], "has another patient above"),
    ],
)
def test_another_file_in_place_of_the_mapping_is_refused(root, content, says):
    fake.write_mapping(root, content)
    with pytest.raises(DataError, match=says):
        read(root)


@pytest.mark.parametrize("content", [b'[{"img_id": "0000', b"\xff\xfe", b"", b"[" * 100_000])
def test_a_damaged_mapping_is_refused(root, content):
    (root / fake.MAPPING).write_bytes(content)
    with pytest.raises(DataError, match=f"{fake.MAPPING} is damaged: "):
        read(root)


def test_a_table_that_is_absent_empty_damaged_or_another_is_named(root):
    edit(root / fake.CLASSES, "patientId", "PatientID")
    with pytest.raises(DataError, match="'patientId' is missing; did you mean 'PatientID'"):
        read(root)
    (root / fake.CLASSES).unlink()
    with pytest.raises(DataError, match=f"the table {fake.CLASSES} is not in the dataset's folder"):
        read(root)
    (root / fake.LABELS).write_text("patientId,x,y,width,height,Target\n")
    with pytest.raises(DataError, match=f"the table {fake.LABELS} is empty"):
        read(root)
    (root / fake.LABELS).unlink()
    (root / f"{fake.LABELS}.gz").write_bytes(gzip.compress(b"patientId\n" * 99)[:-12])
    with pytest.raises(DataError, match=f"{fake.LABELS}.gz is damaged"):
        read(root)


@pytest.mark.parametrize("labels", ["opacity", "classes"])
def test_films_become_batches(tmp_path, labels):
    root = fake.write(tmp_path / "rsna", images=48)
    reader = RsnaPneumoniaReader(root=str(root), labels=labels)
    preprocessing = XrayPreprocessing(size=16)
    data = XraysData(XraysConfig(reader=reader, preprocessing=preprocessing, workers=0))
    data.prepare()
    batch = next(iter(data.val_dataloader()))
    assert batch["image"].shape[1:] == (1, 16, 16)
    assert batch["target"].shape[1] == (1 if labels == "opacity" else 3)
