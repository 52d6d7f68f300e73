import pytest
from fakes import acdc as fake

from datamodules.errors import DataError
from datamodules.problems import Kind
from datamodules.readers.acdc import AcdcReader


def reader(root):
    return AcdcReader(root=str(root))


def test_each_patient_has_a_case_at_either_phase(tmp_path):
    table = reader(fake.write(tmp_path)).read()
    one, two = table.cases[:2]
    assert (one.case_id, two.case_id) == ("patient001_ED", "patient001_ES")
    assert one.patient_id == two.patient_id == "patient001"
    assert two.inputs["image"].path == "training/patient001/patient001_frame12.nii.gz"
    assert two.targets["mask"].path == "training/patient001/patient001_frame12_gt.nii.gz"
    assert table.has_patients


def test_info_says_group_height_and_weight(tmp_path):
    attributes = reader(fake.write(tmp_path)).read().cases[0].attributes
    assert attributes == {"phase": "ED", "group": "HCM", "height_cm": 184, "weight_kg": 95}


def test_testing_is_the_official_test_split(tmp_path):
    table = reader(fake.write(tmp_path, patients=3, tests=2)).read()
    assert [case.split for case in table.cases] == ["train_val"] * 6 + ["test"] * 4
    alone = reader(fake.write(tmp_path / "alone", tests=0)).read()
    assert {case.split for case in alone.cases} == {None}


def test_patients_may_lie_in_the_root(tmp_path):
    fake.write(tmp_path, tests=0)
    assert len(reader(tmp_path / "training").read().cases) == 10


def test_all_faults_are_named_and_the_rest_is_known(tmp_path):
    folder = fake.write(tmp_path, tests=0) / "training"
    (folder / "patient001/Info.cfg").unlink()
    (folder / "patient002/Info.cfg").write_text("ED: 1\nGroup: NOR\n")
    (folder / "patient003/patient003_frame12_gt.nii.gz").unlink()
    (folder / "patient004/patient004_frame01.nii.gz").unlink()
    reading = reader(tmp_path).examine()
    assert len(reading.table.cases) == 7
    found = [(each.kind, each.case_id) for each in reading.problems]
    assert found[-3:] == [
        (Kind.LAYOUT, "patient002_ES"),
        (Kind.LABEL, "patient003_ES"),
        (Kind.MISSING, "patient004_ED"),
    ]
    assert "training/patient001/Info.cfg: there is no such file" in map(str, reading.problems)


def test_another_folder_is_refused(tmp_path):
    with pytest.raises(DataError, match="is this the folder of ACDC"):
        reader(tmp_path).read()
