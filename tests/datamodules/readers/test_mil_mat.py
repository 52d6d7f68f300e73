import os
from collections import Counter
from pathlib import Path

import pytest
from fakes import mil_mat

from datamodules.feature_formats import read_bag
from datamodules.problems import Kind
from datamodules.readers.mil_mat import MilMatReader


def reader(root, *file):
    return MilMatReader(root=str(root), file=file or ("musk1",))


def test_a_bag_is_a_case_and_its_source_holds_its_instances(tmp_path):
    mil_mat.write(tmp_path / "musk1.mat")
    table = reader(tmp_path).read()
    assert [case.case_id for case in table.cases] == ["musk1-0001", "musk1-0002", "musk1-0003"]
    assert [case.targets["class"] for case in table.cases] == ["musk", "non-musk", "musk"]
    source = table.cases[2].inputs["features"]
    assert read_bag(tmp_path / source.path, source.selector).features.tolist() == [[16, 17, 18, 19]]


def test_each_bag_is_a_patient_of_its_own(tmp_path):
    mil_mat.write(tmp_path / "musk1.mat")
    table = reader(tmp_path).read()
    assert all(case.patient_id == case.case_id for case in table.cases)
    assert (table.has_patients, table.classes) == (False, ("non-musk", "musk"))


def test_a_molecule_of_both_files_is_one_patient(tmp_path):
    mil_mat.write(tmp_path / "musk1.mat", ["a", "b"], [1, 2])
    mil_mat.write(tmp_path / "musk2.mat", ["c", "b"], [1, 2])
    table = reader(tmp_path, "musk1", "musk2.mat").read()
    assert [case.patient_id for case in table.cases] == ["musk1-0001", "b", "musk2-0001", "b"]
    assert "several files by their names: 1" in table.notices[0]


def test_bags_with_equal_numbers_in_two_files_are_different(tmp_path):
    for name in ("a", "b"):
        mil_mat.write(tmp_path / f"{name}.mat", [1, 2], [1, 2])
    table = reader(tmp_path, "a", "b").read()
    assert len({case.patient_id for case in table.cases}) == 4
    assert not table.notices


def test_every_fault_is_named_and_the_rest_is_kept(tmp_path):
    mil_mat.write(tmp_path / "a.mat", ["p", "q", ""], [3, 2, 1])
    (tmp_path / "b.mat").write_bytes(b"damaged")
    reading = reader(tmp_path, "a", "b", "c", "../d").examine()
    kinds = [problem.kind for problem in reading.problems]
    assert kinds == [Kind.LAYOUT] * 3 + [Kind.LABEL, Kind.LAYOUT]
    assert "there is no file c.mat" in str(reading.problems[1])
    assert [dict(case.targets) for case in reading.table.cases][:2] == [{}, {"class": "musk"}]


def test_two_files_of_one_name_are_refused(tmp_path):
    for folder in ("a", "b"):
        mil_mat.write(tmp_path / folder / "musk1.mat", ["x"], [1])
    reading = reader(tmp_path, "a/musk1", "b/musk1").examine()
    assert [problem.kind for problem in reading.problems] == [Kind.CASE_ID]


@pytest.mark.data
@pytest.mark.parametrize(
    ("file", "bags", "positive", "instances"), [("musk1", 92, 47, 476), ("musk2", 102, 39, 6598)]
)
def test_musk_has_the_published_numbers(file, bags, positive, instances):
    root = Path(os.environ["LIGHTBOX_DATA"]) / "mil_musk"
    if not root.is_dir():
        pytest.skip("mil_musk is not under LIGHTBOX_DATA")
    cases = MilMatReader(file=(file,)).read().cases
    assert Counter(case.targets["class"] for case in cases) == {
        "musk": positive,
        "non-musk": bags - positive,
    }
    sources = [case.inputs["features"] for case in cases]
    sizes = [read_bag(root / each.path, each.selector).features.shape for each in sources]
    assert (sum(size[0] for size in sizes), {size[1] for size in sizes}) == (instances, {166})
