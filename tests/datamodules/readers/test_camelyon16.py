import pytest
from fakes import slides

from datamodules.errors import DataError
from datamodules.problems import Kind
from datamodules.readers.camelyon16 import Camelyon16Reader


def write(root, *names, reference=None):
    folders = {"normal": "training/normal", "tumor": "training/tumor", "test": "testing/images"}
    slides.touch(root, *(f"{folders[name.split('_')[0]]}/{name}.tif" for name in names))
    if reference is not None:
        (root / "testing" / "reference.csv").write_text(reference)
    return Camelyon16Reader(root=str(root))


def test_folders_say_the_class_and_the_reference_that_of_test_slides(tmp_path):
    slides.write_camelyon16(tmp_path, trained=1, tested=2)
    table = Camelyon16Reader(root=str(tmp_path)).read()
    assert [(case.case_id, case.targets["class"], case.split) for case in table.cases] == [
        ("normal_001", "normal", "train_val"),
        ("test_001", "normal", "test"),
        ("test_002", "tumor", "test"),
        ("tumor_001", "tumor", "train_val"),
    ]
    assert (table.classes, table.has_patients) == (("normal", "tumor"), False)
    assert table.cases[3].inputs["slide"].path == "training/tumor/tumor_001.tif"


def test_the_reference_may_have_a_header_and_lie_elsewhere(tmp_path):
    write(tmp_path, "test_001", "test_002", "normal_001")
    rows = [("test_001.tif", "tumor"), ("test_002.tif", "normal")]
    slides.write_table(tmp_path / "evaluation" / "reference.csv", ("name", "label"), rows)
    cases = Camelyon16Reader(root=str(tmp_path)).read().cases
    assert [case.targets["class"] for case in cases] == ["normal", "tumor", "normal"]


def test_outlines_are_regions_but_for_the_slide_that_lacks_some(tmp_path):
    names = ("tumor_001", "test_114", "normal_001")
    reader = write(
        tmp_path, *names, reference="test_114,Tumor,IDC,Macro\ntest_049,Tumor,IDC,Macro\n"
    )
    slides.touch(tmp_path, "annotations/tumor_001.xml", "annotations/test_114.xml")
    cases = {case.case_id: case for case in reader.read().cases}
    assert cases["tumor_001"].targets["regions"].path == "annotations/tumor_001.xml"
    assert cases["test_114"].targets == {"class": "tumor"}


def test_the_duplicate_is_left_out(tmp_path):
    reader = write(tmp_path, "test_049", "test_050", reference="test_049,Tumor\ntest_050,Normal\n")
    table = reader.read()
    assert [case.case_id for case in table.cases] == ["test_050"]
    assert table.notices == ("test_049 is a duplicate, and left out.",)


def test_the_mislabelled_slide_is_a_tumour_or_the_copy_of_one(tmp_path):
    table = write(tmp_path, "normal_086", "normal_001").read()
    assert [case.targets["class"] for case in table.cases] == ["normal", "tumor"]
    table = write(tmp_path, "tumor_111").read()
    assert [case.case_id for case in table.cases] == ["normal_001", "tumor_111"]
    assert table.notices == ("normal_086 is tumor_111, and left out.",)


def test_every_fault_is_named_and_the_rest_is_kept(tmp_path):
    lines = "test_001,Tumor\ntest_002,Benign\ntest_004,Normal\n"
    reader = write(tmp_path, "normal_001", "test_001", "test_002", "test_003", reference=lines)
    slides.touch(tmp_path, "copy/normal_001.tif")
    reading = reader.examine()
    assert [problem.kind for problem in reading.problems] == [
        Kind.CASE_ID,
        Kind.LABEL,
        Kind.MISSING,
        Kind.LABEL,
        Kind.LABEL,
    ]
    assert "row 2 of testing/reference.csv is 'benign'" in str(reading.problems[1])
    assert "row 3 is of test_004, and there is no such slide" in str(reading.problems[2])
    assert len(reading.table.cases) == 4


def test_test_slides_without_a_reference_are_refused_and_training_alone_is_not(tmp_path):
    assert len(write(tmp_path, "normal_001", "tumor_001").read().cases) == 2
    with pytest.raises(DataError, match=r"no reference\.csv is there"):
        write(tmp_path, "test_001").read()
