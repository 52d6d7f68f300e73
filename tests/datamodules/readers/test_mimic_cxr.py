import gzip
import shutil
from collections import Counter

import pytest
from fakes import mimic_cxr as fake
from fakes.xray_files import truncate

from datamodules.configs.splits import SplitConfig
from datamodules.errors import DataError
from datamodules.problems import FaultyCasesError, Kind
from datamodules.readers.chexpert_labels import OBSERVATIONS
from datamodules.readers.mimic_cxr import MimicCxrReader
from datamodules.splits import assign_splits


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    return fake.write(tmp_path_factory.mktemp("mimic"))


@pytest.fixture
def root(clean, tmp_path):
    return shutil.copytree(clean, tmp_path / "root")


def read(root, **settings):
    return MimicCxrReader(root=str(root), **settings).read()


def problems(root, **settings):
    with pytest.raises(DataError) as caught:
        read(root, **settings)
    return caught.value.problems


def counted(root, value, **settings):
    """How many images have a value, for each observation that has any."""
    cases = read(root, **settings).cases
    return Counter(
        name for case in cases for name, is_ in case.targets["findings"].items() if is_ == value
    )


def test_images_patients_exams_and_sides_are_those_counted_by_hand(clean):
    # Of the 13 images 5 are PA, 4 AP, 2 lateral, 1 LL and 1 of an unknown view.
    cases = read(clean).cases
    assert len(cases) == 9
    assert len({case.patient_id for case in cases}) == 7
    assert len({case.exam_id for case in cases}) == 9
    assert Counter(case.split for case in cases) == {"train": 5, "val": 2, "test": 2}
    assert Counter(case.attributes["view"] for case in cases) == {"PA": 5, "AP": 4}


def test_labels_are_those_counted_by_hand(clean):
    # Positive in the nine images; Edema of 57375967 and 50578979, for example.
    assert counted(clean, 1.0) == {
        "No Finding": 2,
        "Edema": 2,
        "Pleural Effusion": 1,
        "Support Devices": 1,
        "Lung Lesion": 1,
    }
    # One image has no labels at all: the other eight are 0 where they are not 1.
    assert counted(clean, None) == dict.fromkeys(OBSERVATIONS, 1)
    assert counted(clean, 0.0)["Edema"] == 6


def test_notices_have_the_counts_worked_by_hand(clean):
    # 8 images x 14 labels, 15 of them stated: 4 as -1 and 11 as 1 or 0.
    assert read(clean).notices == (
        "Images whose study is not in mimic-cxr-2.0.0-chexpert.csv.gz, so that no label is known: "
        "1.",
        "Labels that are -1 (uncertain): 4 count as 0.",
        "Labels that are blank: 97 count as 0.",
    )


def test_uncertain_and_blank_labels_follow_their_policies(clean):
    uncertain = counted(clean, 1.0, uncertain={"others": "one", "edema": "missing"})
    assert uncertain == {
        "No Finding": 2,
        "Edema": 2,
        "Pleural Effusion": 2,
        "Support Devices": 1,
        "Lung Lesion": 1,
        "Cardiomegaly": 1,
        "Pneumonia": 1,
    }
    missing = counted(clean, None, blank={"pneumothorax": "missing"})
    assert missing == dict.fromkeys(OBSERVATIONS, 1) | {"Pneumothorax": 1 + 6}


def test_the_other_labeller_is_sure_of_one_edema_more(clean):
    assert counted(clean, 1.0, labeller="negbio")["Edema"] == 3
    assert counted(clean, 1.0, labeller="chexpert")["Edema"] == 2


@pytest.mark.parametrize(
    ("views", "images"),
    [(("LATERAL",), 2), (("PA", "LL"), 6), (("unknown",), 1), ((), 13)],
)
def test_views_choose_the_images(clean, views, images):
    assert len(read(clean, views=views).cases) == images


def test_labels_of_a_study_hold_for_all_its_images(clean):
    cases = [case for case in read(clean, views=()).cases if case.exam_id == "57375967"]
    assert [case.attributes["view"] for case in cases] == ["AP", None]
    assert [case.targets["findings"]["Edema"] for case in cases] == [1.0, 1.0]


def test_a_case_is_named_by_its_dicom_id_and_keeps_no_date(clean):
    case = read(clean).cases[0]
    assert (case.case_id, case.patient_id) == (fake.dicom_id(0), "10000032")
    assert case.inputs["image"].path == f"files/p10/p10000032/s50414267/{fake.dicom_id(0)}.jpg"
    assert (clean / case.inputs["image"].path).is_file()
    assert "2180" not in repr(case)


def test_the_images_are_not_public(clean):
    assert not read(clean).public


def test_the_official_split_is_kept(clean):
    table = read(clean)
    assert assign_splits(table, SplitConfig()) == {case.case_id: case.split for case in table.cases}


def test_unzipped_tables_are_read_too(root):
    before = read(root).cases
    for file in root.glob("*.csv.gz"):
        file.with_suffix("").write_bytes(gzip.decompress(file.read_bytes()))
        file.unlink()
    assert read(root).cases == before


def test_without_the_split_table_it_is_drawn_with_a_notice(root):
    fake.table(root, "split").unlink()
    table = read(root)
    assert {case.split for case in table.cases} == {None}
    assert "mimic-cxr-2.0.0-split.csv.gz is not there" in table.notices[0]


def test_missing_tables_are_all_named(root):
    fake.table(root, "metadata").unlink()
    fake.table(root, "chexpert").unlink()
    metadata, labels = problems(root)
    assert metadata.startswith(
        "the dataset's folder has no mimic-cxr-2.0.0-metadata.csv.gz; get it"
    )
    assert "mimic-cxr-2.0.0-chexpert.csv.gz" in labels
    assert labels.endswith("or take other labels with --data.reader.labeller")


def test_damaged_tables_and_missing_columns_are_named_at_once(root):
    truncate(fake.table(root, "split"), 20)
    fake.edit(root, "chexpert", "Lung Lesion", "Lesion")
    labels, split = problems(root)
    assert labels.endswith(
        "chexpert.csv.gz: column 'Lung Lesion' is missing; did you mean 'Lesion'?"
    )
    assert split.startswith("mimic-cxr-2.0.0-split.csv.gz is damaged: ")


def test_a_missing_image_is_named_unless_images_are_not_asked_for(root):
    (root / fake.path(2)).unlink()
    assert problems(root) == (f"metadata row 4: there is no file {fake.path(2)}",)
    assert len(read(root, require_images=False).cases) == 9


def test_an_image_of_a_view_that_is_not_taken_need_not_be_there(root):
    (root / fake.path(1)).unlink()
    assert len(read(root).cases) == 9


def test_without_the_images_the_root_is_suspected(root):
    (root / "files").rename(root / "images")
    with pytest.raises(DataError, match=r"9 of 9 images are not there: is --data\.reader\.root"):
        read(root)


def test_views_that_no_image_has_are_said(root):
    for at in range(13):
        old = fake.IMAGES[at][2]
        fake.edit(root, "metadata", f",{old},64,", ",LL,65,")
    with pytest.raises(DataError, match=r"is of the views PA, AP; they are of LL: say which"):
        read(root)


def test_an_image_without_a_row_in_the_split_is_named(root):
    row = f"{fake.dicom_id(2)},53189527,10000032,train\n"
    fake.edit(root, "split", row, "")
    assert problems(root) == (
        f"mimic-cxr-2.0.0-split.csv.gz: there is no row of the image {fake.dicom_id(2)}",
    )


def test_a_patient_on_both_sides_of_the_official_split_is_named(root):
    row = f"{fake.dicom_id(2)},53189527,10000032,"
    fake.edit(root, "split", f"{row}train", f"{row}test")
    with pytest.raises(DataError, match=r"patient '10000032': .* in train, .* in test"):
        assign_splits(read(root), SplitConfig())


@pytest.mark.parametrize(
    ("table", "old", "new", "says"),
    [
        ("chexpert", ",-1.0,", ",2.0,", r"chexpert\.csv\.gz row 3: column 'Edema' is '2\.0'"),
        (
            "chexpert",
            "10000764,57375967",
            "10000032,57375967",
            "row 4: the subject_id is 10000032;",
        ),
        ("chexpert", "57375967", "53189527", "row 4: the study_id 53189527 is in row 3 already"),
        ("chexpert", "57375967,", "57375967,,", "row 4 has 17 cells, the header has 16"),
        (
            "split",
            ",validate",
            ",valid",
            r"split\.csv\.gz row 10: the split is 'valid', not train,",
        ),
        ("split", "53189527,10000032", "53189527,10000033", "row 4: the subject_id is 10000033;"),
        ("metadata", fake.dicom_id(2), fake.dicom_id(0), "row 4: the dicom_id .* is in row 2"),
        ("metadata", fake.dicom_id(0), "../../../x", r"row 2: '\.\./\.\./\.\./x' is no dicom_id"),
        ("metadata", "10000032,50414267", "../32,50414267", r"row 2: the subject_id '\.\./32' or"),
        (
            "metadata",
            "ViewPosition",
            "View",
            "column 'ViewPosition' is missing; did you mean 'View",
        ),
    ],
)
def test_a_wrong_row_is_named(root, table, old, new, says):
    fake.edit(root, table, old, new)
    with pytest.raises(DataError, match=says):
        read(root)


def test_a_link_out_of_the_root_is_refused(root, tmp_path):
    (root / "files/p10/p10000764").rename(tmp_path / "elsewhere")
    (root / "files/p10/p10000764").symlink_to(tmp_path / "elsewhere")
    (problem,) = problems(root)
    assert "is a link that leaves the root of the dataset" in problem


def test_what_is_sound_is_kept_beside_the_problems(root):
    (root / fake.path(0)).unlink()
    fake.edit(root, "chexpert", "53189527,,,,-1.0", "53189527,,,,5")
    with pytest.raises(FaultyCasesError) as caught:
        read(root)
    assert [(each.kind, each.case_id) for each in caught.value.found] == [
        (Kind.MISSING, fake.dicom_id(0)),
        (Kind.LABEL, fake.dicom_id(2)),
    ]
    assert len(caught.value.rest.cases) == 9
    assert caught.value.rest.cases[0].inputs == {}
    assert caught.value.rest.cases[1].targets == {"findings": {}}
