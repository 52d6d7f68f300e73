import pytest
from fakes import brats as fake

from datamodules.cases import Structure
from datamodules.errors import DataError
from datamodules.problems import Kind
from datamodules.readers.brats import BratsReader
from datamodules.readers.brats_names import Scan, parse_name

OLD = ("HGG/Brats18_CBICA_AAB_1", "LGG/Brats18_TCIA01_131_1", "LGG/Brats18_2013_0_1")


def reader(root, **settings):
    return BratsReader(root=str(root), **settings)


def test_four_sequences_are_channels_in_a_fixed_order(tmp_path):
    table = reader(fake.write(tmp_path, OLD)).read()
    case = table.cases[1]
    assert list(case.inputs) == ["t1", "t1ce", "t2", "flair"]
    name = "Brats18_CBICA_AAB_1"
    assert case.inputs["t1ce"].path == f"HGG/{name}/{name}_t1ce.nii.gz"
    assert case.targets["mask"].path == f"HGG/{name}/{name}_seg.nii.gz"


def test_regions_contain_each_other(tmp_path):
    table = reader(fake.write(tmp_path, OLD)).read()
    assert table.structures == (
        Structure("whole tumour", (1, 2, 4)),
        Structure("tumour core", (1, 4)),
        Structure("enhancing tumour", (4,)),
    )
    assert table.overlapping


def test_labels_exclude_each_other(tmp_path):
    table = reader(fake.write(tmp_path, OLD), parts="labels").read()
    assert [each.values for each in table.structures] == [(1,), (2,), (4,)]


def test_since_2023_the_enhancing_tumour_is_3(tmp_path):
    names = ("BraTS-GLI-00005-000", "BraTS-GLI-00005-001", "BraTS-GLI-00006-000")
    table = reader(fake.write(tmp_path, names)).read()
    assert table.structures[0].values == (1, 2, 3)
    assert [case.patient_id for case in table.cases] == ["GLI-00005", "GLI-00005", "GLI-00006"]
    name = names[0]
    assert table.cases[0].inputs["flair"].path == f"{name}/{name}-t2f.nii.gz"


@pytest.mark.parametrize(
    ("name", "scan"),
    [
        ("Brats18_CBICA_AAB_1", Scan("CBICA_AAB", site="CBICA")),
        ("Brats17_TCIA_101_2", Scan("TCIA_101", site="TCIA")),
        ("BraTS19_TCIA01_131_1", Scan("TCIA01_131", site="TCIA01")),
        ("Brats18_2013_0_1", Scan("2013_0", site="2013")),
        ("BraTS20_Training_001", Scan("BraTS20_Training_001", patient_known=False)),
        ("BraTS2021_00000", Scan("BraTS2021_00000")),
        ("BraTS-GLI-00005-001", Scan("GLI-00005", recent=True)),
        ("BraTSown", Scan("BraTSown", patient_known=False)),
    ],
)
def test_a_name_tells_patient_and_site(name, scan):
    assert parse_name(name) == scan


def test_folders_tell_the_grade_and_names_the_site(tmp_path):
    cases = reader(fake.write(tmp_path, OLD)).read().cases
    assert [(case.site, case.attributes["grade"]) for case in cases] == [
        ("2013", "LGG"),
        ("CBICA", "HGG"),
        ("TCIA01", "LGG"),
    ]


def test_the_mapping_of_2020_tells_patient_site_and_grade(tmp_path):
    names = tuple(f"data/BraTS20_Training_00{number}" for number in (1, 2, 3))
    fake.write(tmp_path, names, ending=".nii")
    assert not reader(tmp_path).read().has_patients
    (tmp_path / "data/name_mapping.csv").write_text(
        "Grade,BraTS_2019_subject_ID,BraTS_2020_subject_ID\n"
        "HGG,BraTS19_CBICA_AAB_1,BraTS20_Training_001\n"
        "HGG,BraTS19_CBICA_AAB_2,BraTS20_Training_002\n"
        "LGG,NA,BraTS20_Training_003\n"
    )
    table = reader(tmp_path).read()
    assert [case.patient_id for case in table.cases] == ["CBICA_AAB"] * 2 + ["BraTS20_Training_003"]
    assert [case.site for case in table.cases] == ["CBICA", "CBICA", None]
    assert table.cases[2].attributes["grade"] == "LGG"
    assert table.has_patients


def test_the_misnamed_mask_of_2020_is_found(tmp_path):
    name = "BraTS20_Training_355"
    fake.write(tmp_path, (name,), ending=".nii")
    misnamed = tmp_path / name / "W39_1998.09.19_Segm.nii"
    (tmp_path / name / f"{name}_seg.nii").rename(misnamed)
    mask = reader(tmp_path).read().cases[0].targets["mask"]
    assert mask.path == f"{name}/W39_1998.09.19_Segm.nii"


def test_scans_without_a_mask_are_left_out(tmp_path):
    fake.write(tmp_path, OLD)
    (tmp_path / "HGG/Brats18_CBICA_AAB_1/Brats18_CBICA_AAB_1_seg.nii.gz").unlink()
    table = reader(tmp_path).read()
    assert len(table.cases) == 2
    assert table.notices == ("Scans without a mask, left out: 1.",)


def test_a_missing_sequence_is_named(tmp_path):
    name = "Brats18_CBICA_AAB_1"
    fake.write(tmp_path, OLD)
    (tmp_path / f"HGG/{name}/{name}_t2.nii.gz").unlink()
    reading = reader(tmp_path).examine()
    assert [str(each) for each in reading.problems] == [
        f"{name}: there is no file HGG/{name}/{name}_t2.nii.gz"
    ]
    assert reading.problems[0].kind is Kind.MISSING
    assert len(reading.table.cases) == 3


def test_label_values_of_two_kinds_are_refused(tmp_path):
    fake.write(tmp_path, (*OLD, "BraTS-GLI-00005-000"))
    with pytest.raises(DataError, match="different label values; keep them apart"):
        reader(tmp_path).read()


def test_another_folder_and_validation_scans_are_refused(tmp_path):
    with pytest.raises(DataError, match="is this the folder of BraTS"):
        reader(tmp_path).read()
    fake.write(tmp_path, OLD[:1])
    next(tmp_path.rglob("*seg*")).unlink()
    with pytest.raises(DataError, match="no scan has a mask"):
        reader(tmp_path).read()
