import numpy as np
import pytest
from fakes import box_files as fake
from fakes.nih_chestxray14 import edit

from datamodules.candidates import VolumeCandidate
from datamodules.errors import DataError
from datamodules.problems import Kind
from datamodules.readers.luna16 import Luna16Reader
from datamodules.transforms.box_geometry import voxels_of
from datamodules.transforms.volume_reading import read_volume


@pytest.fixture
def root(tmp_path):
    return fake.write_luna16(tmp_path)


def read(root, **settings):
    return Luna16Reader(root=str(root), **settings).read()


def test_a_nodule_is_the_cube_about_its_middle_in_mm(root):
    first, second, third = (case.targets["volume_boxes"] for case in read(root).cases)
    assert first[0] == ("nodule", VolumeCandidate("lps-mm", (-13, -7, -88), (6, 6, 6)))
    assert [len(first), len(second), third] == [2, 1, []]


def test_the_cube_lies_on_its_voxels(root):
    table = read(root)
    case = table.cases[0]
    volume = read_volume(root / case.inputs["image"].path)
    box = voxels_of(case.targets["volume_boxes"][0][1], volume.affine)
    # (-10, -4, -85) in mm is voxel (10, 8, 5), the middle of which is 0.5 further from the edge.
    np.testing.assert_allclose(box, [9, 7, 4.5, 12, 10, 6.5])


def test_subsets_are_an_attribute_and_scans_that_are_not_there_are_counted(root):
    table = read(root)
    assert [case.attributes["subset"] for case in table.cases] == ["0", "1", "0"]
    assert "Rows of annotations.csv of scans that are not there, left out: 1." in table.notices
    assert not table.has_patients


def test_excluded_findings_do_not_count(root):
    cases = read(root).cases
    (unknown,), (small,) = (cases[at].targets["ignored_volume_boxes"] for at in (0, 2))
    assert unknown == ("nodule", VolumeCandidate("lps-mm", (-25, -15, -95), (10, 10, 10)))
    assert small[1].size == (4, 4, 4)
    assert "ignored_volume_boxes" not in cases[1].targets


def test_a_nodule_without_a_diameter_is_left_out_and_named(root):
    edit(root / "annotations.csv", "-85,6", "-85,0")
    table = read(root)
    assert len(table.cases[0].targets["volume_boxes"]) == 1
    assert table.warnings[0].where == "annotations.csv row 2, 1.3.6.1"
    with pytest.raises(DataError, match="has no area; mend it"):
        read(root, faulty_boxes="refuse")


def test_a_place_that_is_no_number_is_a_fault(root):
    edit(root / "annotations.csv", "-85,6", "-85,six")
    (problem,) = Luna16Reader(root=str(root)).examine().problems
    assert (problem.kind, problem.case_id) == (Kind.BOX, "1.3.6.1")
    assert "its diameter_mm is 'six'" in problem.message


def test_without_the_table_nothing_is_known(root):
    (root / "annotations.csv").unlink()
    reading = Luna16Reader(root=str(root)).examine()
    assert "annotations.csv is not in the dataset's folder" in reading.problems[0].message
    assert reading.table.cases[0].targets == {}
