import gzip
from collections import Counter

import pytest
from fakes import padchest as fake
from fakes.csv_table import write_table
from fakes.nih_chestxray14 import edit
from pydantic import ValidationError

from datamodules.configs.splits import SplitConfig
from datamodules.configs.xrays import XrayPreprocessing, XraysConfig
from datamodules.doctor.xrays import examine_xrays
from datamodules.errors import DataError
from datamodules.problems import Kind
from datamodules.readers.nih_annotations import FINDINGS as NIH_FINDINGS
from datamodules.readers.padchest import PadChestReader
from datamodules.splits import assign_splits
from datamodules.xrays import XraysData

# Of 12 patients four are ill; the films of the first are rows 2 (PA) and 3 (lateral).
KNOWN = "216840111366964012819207061112010307142602253_04-014-084.png"
FIRST, THIRD = fake.image_name(1, 0), fake.image_name(3, 0)


@pytest.fixture
def root(tmp_path):
    return fake.write(tmp_path)


def read(root, **settings):
    return PadChestReader(root=str(root), **settings).read()


def problems(root, **settings):
    with pytest.raises(DataError) as caught:
        read(root, **settings)
    return caught.value.problems


def positives(table):
    findings = [case.targets["findings"] for case in table.cases]
    return Counter(name for held in findings for name, value in held.items() if value)


def relabel(root, labels):
    """Give the first film other labels."""
    edit(root / fake.TABLE, "['normal']", '"' + labels.replace('"', '""') + '"')


def test_frontal_films_that_are_fit_for_use_are_the_cases(root):
    table = read(root)
    assert len(table.cases) == 12 + 2  # of 29: 12 lateral, 1 of ribs, 2 unusable
    assert positives(table) == {"Cardiomegaly": 4, "Effusion": 4, "Aortic Elongation": 4}
    assert table.notices == (
        "Images of other projections, left out: 13 (COSTAL 1, L 12).",
        "Images labelled 'exclude', left out: 1.",
        "Images labelled 'suboptimal study', left out: 1.",
        "Images with labels by the authors' text network, not by a physician: 6.",
        "Images without labels, or with 'unchanged' alone, whose findings are not known: 2.",
    )


def test_physicians_labelled_half_of_the_films(root):
    table = read(root, annotated_by="physician")
    assert len(table.cases) == 6 + 2
    assert positives(table)["Effusion"] == 2
    assert table.notices[3] == "Images not labelled by a physician, left out: 6."


def test_lateral_films_carry_the_labels_of_their_exam(root):
    table = read(root, projections=("PA", "L"))
    frontal, lateral = table.cases[4:6]
    assert [case.attributes["view"] for case in (frontal, lateral)] == ["PA", "L"]
    assert frontal.exam_id == lateral.exam_id == "21684011136696400003"
    assert frontal.targets["findings"] == lateral.targets["findings"]
    assert (len(table.cases), positives(table)["Effusion"]) == (24, 8)


def test_a_case_knows_its_patient_exam_device_and_attributes(root):
    table = read(root)
    case = table.cases[2]
    assert (case.case_id, case.patient_id) == (THIRD[:-4], "83986048849469220003")
    assert case.inputs["image"].path == f"1/{THIRD}"
    assert (case.site, case.split) == ("PhilipsMedicalSystems", None)
    assert case.attributes == {"age": 71, "sex": "F", "view": "PA", "annotated_by": "Physician"}
    assert (table.public, table.has_patients) == (False, True)


def test_findings_begin_with_those_of_nih_by_the_same_names(root):
    table = read(root)
    assert set(table.findings[:14]) == set(NIH_FINDINGS)
    assert len(table.findings) == 26


def test_neither_dates_nor_reports_are_kept(root):
    told = repr(read(root))
    assert "20140915" not in told
    assert "hallazgos" not in told


def test_labels_that_say_nothing_leave_the_findings_unknown(root):
    for case in read(root).cases[-2:]:
        assert set(case.targets["findings"].values()) == {None}


@pytest.mark.parametrize(
    ("labels", "held"),
    [
        ("['normal']", set()),
        ("['unchanged', 'normal']", set()),
        ("['unchanged', ' Nodule ']", {"Nodule"}),
        ('["laminar  atelectasis"]', {"Atelectasis"}),
        ("['hydropneumothorax']", {"Effusion", "Pneumothorax"}),
        ("['air bronchogram', 'consolidation']", {"Infiltration", "Consolidation"}),
        ("['pericardial effusion', 'subcutaneous emphysema', 'pseudonodule']", set()),
        ("['calcified granuloma', 'multiple nodules']", {"Granuloma", "Nodule"}),
        ("['post radiotherapy changes', 'fibrotic band']", {"Fibrosis"}),
        ("['mediastinal mass', 'hiatal hernia']", {"Mass", "Hernia"}),
    ],
)
def test_a_finding_holds_if_one_of_its_words_does(root, labels, held):
    relabel(root, labels)
    findings = read(root).cases[0].targets["findings"]
    assert {name for name, value in findings.items() if value} == held
    assert set(findings.values()) <= {0.0, 1.0}


@pytest.mark.parametrize("labels", ["", "nan", "[]", "[ ]", "['']", "['unchanged', ' ']"])
def test_no_labels_are_not_negative_labels(root, labels):
    relabel(root, labels)
    table = read(root)
    assert set(table.cases[0].targets["findings"].values()) == {None}
    assert table.notices[-1].endswith("whose findings are not known: 3.")


@pytest.mark.parametrize(
    "labels", ["normal", "['normal'", "['normal' 'nodule']", "[normal]", "['a', 2]", "{'normal'}"]
)
def test_a_malformed_list_of_labels_is_named(root, labels):
    relabel(root, labels)
    assert problems(root) == (
        f"row 2, {FIRST}: the labels {labels} are no list such as ['nodule', 'scoliosis']",
    )


def test_labels_that_the_authors_do_not_have_are_counted(root):
    relabel(root, "['cardiomegally', 'nodule']")
    notice = "Labels that are not in PadChest's list, not used: 'cardiomegally' 1."
    assert notice in read(root).notices


def test_findings_may_be_labels_of_padchest_itself(root):
    relabel(root, "['NSG tube', 'apical pleural thickening']")
    table = read(root, findings=("NSG tube", "Pleural_Thickening", "pleural thickening"))
    assert table.cases[0].targets["findings"] == {
        "NSG tube": 1.0,
        "Pleural_Thickening": 1.0,
        "pleural thickening": 0.0,
    }


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"findings": ("Cardiomegally",)}, "no.* a label of PadChest; did you mean 'Cardiomegaly'"),
        ({"findings": ("Mass", "Mass")}, "findings names something twice"),
        ({"findings": ()}, "at least 1 item"),
        ({"leave_out": ("216_x",)}, "'216_x' is no ImageID, which ends in .png"),
        ({"projections": ("PA", "PA")}, "projections names something twice"),
        ({"projections": ("lateral",)}, "Input should be 'PA', 'AP'"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, says):
    with pytest.raises(ValidationError, match=says):
        PadChestReader(**settings)


def test_films_may_lie_beside_the_table(root):
    before = [case.targets for case in read(root).cases]
    for path in root.glob("?/*.png"):
        path.rename(root / path.name)
    for folder in "01":
        (root / folder).rmdir()
    table = read(root)
    assert table.cases[0].inputs["image"].path == FIRST
    assert [case.targets for case in table.cases] == before


def test_of_a_part_of_the_folders_the_films_are_read(root, tmp_path_factory):
    (root / "0").rename(tmp_path_factory.mktemp("elsewhere") / "0")
    table = read(root)
    assert len(table.cases) == 6 + 1
    assert "Images left out, as their folders (0) are not there: 7." in table.notices


def test_a_film_that_is_not_in_its_folder_is_named(root):
    (root / "1" / FIRST).unlink()
    (root / "1" / THIRD).unlink()
    (root / "1" / THIRD).symlink_to(root / "nowhere")
    assert problems(root) == (
        f"row 2, {FIRST}: there is no such image",
        f"row 6, {THIRD}: there is no such image",
    )


def test_without_all_of_the_films_the_root_is_suspected(root):
    for folder in "01":
        (root / folder).rename(root / f"images-{folder}")
    with pytest.raises(DataError, match=r"14 of 14 images are not there: is --data\.reader\.root"):
        read(root)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (f"{FIRST},1.0", f"{FIRST},../1", r"row 2, .*: path '\.\./1' leaves the root"),
        (f"{FIRST},1.0", f"{FIRST},/etc", "row 2, .*: path '/etc' is absolute"),
        (FIRST, f"../1/{FIRST}", "row 2, .*: the name has a character that a file name cannot"),
        (FIRST, FIRST[:-4], "row 2, .*: the name is not of a .png"),
        (FIRST, THIRD, f"row 6, {THIRD}: the image is in row 2 already"),
        (",PA,", ",P,", "row 2, .*: 'P' is none of PA, AP, .*; did you mean 'PA'"),
        (",Physician,", ",physician,", "row 2, .*: 'physician' is none of Physician, RNN_model; d"),
        (",83986048849469220001,", ",,", "row 2, .*: no patient is named"),
    ],
)
def test_a_wrong_row_is_named(root, old, new, says):
    edit(root / fake.TABLE, old, new)
    with pytest.raises(DataError, match=says):
        read(root)


def test_a_link_that_leaves_the_root_is_refused(root, tmp_path_factory):
    outside = (root / "1" / FIRST).rename(tmp_path_factory.mktemp("elsewhere") / FIRST)
    (root / "1" / FIRST).symlink_to(outside)
    assert problems(root) == (
        f"row 2, {FIRST}: path '1/{FIRST}' is a link that leaves the root of the dataset",
    )


def test_all_faults_are_in_one_report_with_what_is_sound(root):
    edit(root / fake.TABLE, fake.image_name(4, 0), FIRST)
    edit(root / fake.TABLE, "83986048849469220002", "")
    edit(root / fake.TABLE, fake.ILL, fake.ILL[:-1])
    (root / "1" / fake.image_name(5, 0)).unlink()
    reading = PadChestReader(root=str(root)).examine()
    found = {each.where.split(",")[0]: each.kind for each in reading.problems}
    assert found == {
        "row 4": Kind.PATIENT,
        "row 6": Kind.LABEL,
        "row 8": Kind.CASE_ID,
        "row 10": Kind.MISSING,
    }
    cases = {case.case_id: case for case in reading.table.cases}
    assert len(cases) == 13
    assert cases[fake.image_name(2, 0)[:-4]].patient_id == fake.image_name(2, 0)[:-4]
    assert set(cases[THIRD[:-4]].targets["findings"].values()) == {None}
    assert cases[fake.image_name(5, 0)[:-4]].inputs == {}


@pytest.mark.parametrize(
    ("birth", "study", "age"),
    [
        ("1941.0", "20140915", 73),
        ("1941", "20140915.0", 73),
        ("2014.0", "20140915", 0),
        ("2015.0", "20140915", None),
        ("1893.0", "20140915", None),
        ("1941.0", "15/09/2014", None),
        ("", "20140915", None),
    ],
)
def test_age_is_in_years_and_none_where_it_makes_no_sense(root, birth, study, age):
    edit(root / fake.TABLE, "20140915,21684011136696400001", f"{study},21684011136696400001")
    edit(root / fake.TABLE, "1941.0", birth)
    table = read(root)
    assert table.cases[0].attributes["age"] == age
    assert sum("Ages below 0" in notice for notice in table.notices) == (
        age is None and bool(birth)
    )


def test_a_patient_in_two_spellings_is_noticed(root):
    edit(root / fake.TABLE, "83986048849469220001", "8.39860488494692e+19")
    assert "that a spreadsheet has shortened" in read(root).notices[-1]


def test_nothing_left_says_why(root):
    rows = [fake.row(1, 0, Projection="L"), fake.row(2, 0, Projection="PA", Labels="['exclude']")]
    write_table(root / fake.TABLE, fake.COLUMNS, rows)
    with pytest.raises(DataError, match="none of the 2 images is left"):
        read(root)
    assert problems(root)[0] == "Images of other projections, left out: 1 (L 1)."


def test_a_gzipped_table_is_read_and_a_truncated_one_is_named(root):
    before, path = read(root).cases, root / f"{fake.TABLE}.gz"
    path.write_bytes(gzip.compress((root / fake.TABLE).read_bytes()))
    (root / fake.TABLE).unlink()
    assert read(root).cases == before
    path.write_bytes(path.read_bytes()[:-12])
    with pytest.raises(DataError, match=r"160K_01\.02\.19\.csv\.gz is damaged"):
        read(root)


def test_a_table_that_is_absent_empty_or_lacks_columns_is_named(root):
    edit(root / fake.TABLE, "PatientID", "PatientId")
    with pytest.raises(DataError, match="'PatientID' is missing; did you mean 'PatientId'"):
        read(root)
    (root / fake.TABLE).write_text(",".join(fake.COLUMNS))
    with pytest.raises(DataError, match="is empty"):
        read(root)
    (root / fake.TABLE).unlink()
    with pytest.raises(DataError, match="is not in the dataset's folder"):
        read(root)


def test_exams_are_whole_on_one_side(root):
    table = read(root, projections=("PA", "L"))
    splits = assign_splits(table, SplitConfig())
    sides = {(case.exam_id, splits[case.case_id]) for case in table.cases}
    assert len(sides) == len({case.exam_id for case in table.cases}) == 12


def test_films_to_be_left_out_are_counted_and_may_be_absent(root):
    (root / "1" / FIRST).unlink()
    table = read(root, leave_out=("known-faults", FIRST, "other.png"))
    assert len(table.cases) == 12 + 1
    assert "Images that leave_out names or means, left out: 1." in table.notices
    assert "Images of leave_out that the table has not: 1." in table.notices


def test_films_known_to_be_faulty_are_left_out_unless_asked_for(root):
    edit(root / fake.TABLE, FIRST, KNOWN)
    (root / "1" / FIRST).unlink()
    assert len(read(root).cases) == 12 + 1
    assert problems(root, leave_out=()) == (f"row 2, {KNOWN}: there is no such image",)


def test_films_named_by_the_user_stay_on_this_machine():
    reader = PadChestReader(leave_out=("known-faults", FIRST))
    assert reader.public()["leave_out"] == ["known-faults"]
    assert PadChestReader.model_validate(reader.public()).leave_out == ("known-faults",)


def test_films_that_cannot_be_read_come_with_the_setting_that_leaves_them_out(root):
    for name in (FIRST, THIRD):
        (root / "1" / name).write_bytes(b"")
    config = XraysConfig(reader=PadChestReader(root=str(root)), workers=0)
    with pytest.raises(DataError) as caught:
        XraysData(config).prepare()
    assert caught.value.message == (
        "2 of 14 images cannot be read; nothing was cached. Fetch them again, or leave them out: "
        f"--data.reader.leave-out known-faults {FIRST} {THIRD}"
    )
    notes = examine_xrays(config, pixels=True).by_kind("notice")[Kind.NOTE]
    assert any(str(note).endswith(f"leave-out known-faults {FIRST} {THIRD}") for note in notes)
    asked = config.reader.replace(leave_out=("known-faults", FIRST, THIRD))
    assert len(asked.read().cases) == 12


def test_films_that_were_inverted_are_counted(root):
    edit(root / fake.TABLE, "MONOCHROME2", "MONOCHROME1")
    notices = [notice for notice in read(root).notices if "inverted" in notice]
    assert len(notices) == 1
    assert "(MONOCHROME1 in PhotometricInterpretation_DICOM): 1." in notices[0]


def test_films_become_batches(tmp_path):
    reader = PadChestReader(root=str(fake.write(tmp_path / "padchest", patients=48)))
    preprocessing = XrayPreprocessing(size=16, clip_percentiles=(0.5, 99.5))
    data = XraysData(XraysConfig(reader=reader, preprocessing=preprocessing, workers=0))
    data.prepare()
    batch = next(iter(data.val_dataloader()))
    assert batch["image"].shape[1:] == (1, 16, 16)
    assert batch["image"].std() > 0.5
    assert batch["target"].shape[1] == 26
