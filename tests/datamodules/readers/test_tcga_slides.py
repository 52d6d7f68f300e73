import pytest
from fakes import slides

from datamodules.errors import DataError
from datamodules.problems import Kind
from datamodules.readers.tcga_slides import TcgaReader

UUID = "d4ff32cd-38cf-40ea-8213-45c2b100ac01"
ONE, OTHER = "TCGA-05-4244", "TCGA-4B-A93V"
DX1, DX2 = (f"{ONE}-01Z-00-DX{n}" for n in (1, 2))


def write(root, paths, rows, columns=("patient", "label"), **settings):
    slides.touch(root, *paths)
    slides.write_table(root / "labels.csv", columns, rows)
    return TcgaReader(root=str(root), **settings)


def test_the_name_says_patient_and_site_and_the_table_the_rest(tmp_path):
    slides.write_tcga(tmp_path, patients=4)
    table = TcgaReader(root=str(tmp_path), attribute_columns=("age",)).read()
    case = table.cases[0]
    assert (case.case_id, case.patient_id, case.site) == (
        "TCGA-05-A001-01Z-00-DX1",
        "TCGA-05-A001",
        "05",
    )
    uuid = "00000000-0000-0000-0000-000000000001"
    assert case.inputs["slide"].path == f"{uuid}/TCGA-05-A001-01Z-00-DX1.{uuid}.svs"
    assert (dict(case.targets), dict(case.attributes)) == ({"class": "LUSC"}, {"age": 51.0})
    assert (table.classes, table.has_patients, table.public) == (("LUAD", "LUSC"), True, True)


def test_all_slides_of_a_patient_have_the_patient_s_label(tmp_path):
    paths = [f"{DX1}.{UUID}.svs", f"x/{DX2}.{UUID}.svs", f"{OTHER}-01Z-00-DX1.svs"]
    cases = write(tmp_path, paths, [(ONE, "a"), (OTHER.lower(), "b")]).read().cases
    assert [(case.case_id, case.targets["class"]) for case in cases] == [
        (DX1, "a"),
        (DX2, "a"),
        (f"{OTHER}-01Z-00-DX1", "b"),
    ]


@pytest.mark.parametrize("cell", [DX2, f"{DX2}.{UUID}", f"{DX2}.{UUID}.svs", f"{UUID}/{DX2}.svs"])
def test_a_row_of_a_slide_goes_before_that_of_its_patient(tmp_path, cell):
    paths = [f"{DX1}.{UUID}.svs", f"{DX2}.{UUID}.svs"]
    cases = write(tmp_path, paths, [(ONE, "a"), (cell, "b")]).read().cases
    assert [case.targets["class"] for case in cases] == ["a", "b"]


@pytest.mark.parametrize("sample", [f"{ONE}-01Z", f"{ONE}-01"])
def test_a_row_may_be_of_a_sample(tmp_path, sample):
    paths = [f"{DX1}.svs", f"{OTHER}-01Z-00-DX1.svs"]
    cases = write(tmp_path, paths, [(sample, "a"), (OTHER, "b")]).read().cases
    assert [case.targets["class"] for case in cases] == ["a", "b"]


def test_frozen_sections_are_taken_when_asked_for(tmp_path):
    frozen = f"{ONE}-01A-01-TS1"
    paths = [f"{DX1}.svs", f"{frozen}.svs", f"{OTHER}-01Z-00-DX1.svs"]
    reader = write(tmp_path, paths, [(ONE, "a"), (OTHER, "b")])
    assert "does not ask for, left out: 1." in reader.read().notices[-1]
    cases = reader.replace(slides=("diagnostic", "frozen")).read().cases
    assert [case.case_id for case in cases] == [frozen, DX1, f"{OTHER}-01Z-00-DX1"]


def test_slides_of_one_barcode_keep_the_rest_of_their_names(tmp_path):
    other = UUID.replace("01", "02")
    paths = [f"{DX1}.{UUID}.svs", f"{DX1}.{other}.svs", f"{OTHER}-01Z-00-DX1.svs"]
    cases = write(tmp_path, paths, [(ONE, "a"), (OTHER, "b")]).read().cases
    assert cases[0].case_id == f"{DX1}.{UUID.upper()}"
    assert len({case.case_id for case in cases}) == 3


def test_what_is_left_out_is_counted(tmp_path):
    paths = [f"{DX1}.svs", f"{DX2}.svs.partial", f"{OTHER}-01Z-00-DX1.svs", "logs/a.png"]
    paths.append("TCGA-05-4245-01Z-00-DX1.svs")
    notices = (
        write(tmp_path, paths, [(ONE, "a"), (OTHER, "b"), ("TCGA-99-0000", "b")]).read().notices
    )
    assert notices[1:] == (
        "Downloads that are not finished (.partial), left out: 1.",
        "Slides and pictures without a barcode of TCGA as their name, left out: 1.",
        "Slides of which the table has no row, left out: 1.",
        "Patients or samples of the table without such a slide: 1.",
    )


def test_every_fault_is_named_and_the_rest_is_kept(tmp_path):
    paths = [f"{DX1}.svs", f"{OTHER}-01Z-00-DX1.svs"]
    rows = [(ONE, "a"), (ONE, "b"), (OTHER, ""), (DX2, "a"), ("Mr Smith", "b")]
    reading = write(tmp_path, paths, rows, classes=("a", "b")).examine()
    assert [(problem.kind, problem.where) for problem in reading.problems] == [
        (Kind.CASE_ID, "row 6"),
        (Kind.LABEL, ""),
        (Kind.MISSING, "row 5"),
        (Kind.LABEL, f"row 4, case '{OTHER}-01Z-00-DX1'"),
    ]
    assert "rows 2, 3 are all of TCGA-05-4244, and differ" in str(reading.problems[1])
    assert len(reading.table.cases) == 2


def test_rows_that_repeat_what_they_say_are_one(tmp_path):
    paths = [f"{DX1}.svs", f"{OTHER}-01Z-00-DX1.svs"]
    rows = [(ONE, "a", "drug 1"), (ONE, "a", "drug 2"), (OTHER, "b", "")]
    assert len(write(tmp_path, paths, rows, ("patient", "label", "drug")).read().cases) == 2


@pytest.mark.parametrize(
    ("paths", "cell", "fault"),
    [
        (["a.svs"], ONE, "no slide has a barcode of TCGA"),
        ([f"{DX1}.svs"], "4244", "has no barcode such as .* --data.reader.barcode-column"),
        ([f"{DX1}.svs"], OTHER, "none of the 1 slides asked for"),
    ],
)
def test_another_dataset_is_refused(tmp_path, paths, cell, fault):
    with pytest.raises(DataError, match=fault):
        write(tmp_path, paths, [(cell, "a")]).read()
