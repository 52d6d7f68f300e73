import numpy as np
import pytest
from fakes import mil_mat
from scipy.io import savemat

from datamodules.errors import DataError
from datamodules.mat_bags import read_mat_bags


def test_instances_belong_to_the_bags_that_are_named(tmp_path):
    bags = read_mat_bags(mil_mat.write(tmp_path / "musk1.mat"))
    assert bags.names == ("MUSK-1", "NON-MUSK-2", "MUSK-j3")
    assert bags.bag_of.tolist() == [0, 0, 1, 1, 2]
    assert (bags.features.dtype, bags.features.shape) == (np.float32, (5, 4))
    assert bags.features[4].tolist() == [16, 17, 18, 19]


def test_one_positive_instance_makes_a_bag_positive_and_an_unknown_one_unknown(tmp_path):
    path = mil_mat.write(tmp_path / "a.mat", [1, 1, 2, 2, 3, 3], [1, 2, 1, 1, 2, 0])
    assert read_mat_bags(path).labels.tolist() == [1, 0, -1]


def test_bags_may_be_numbers_in_any_order(tmp_path):
    bags = read_mat_bags(mil_mat.write(tmp_path / "a.mat", [7.0, 12.0, 7.0], [1, 2, 1]))
    assert (bags.names, bags.bag_of.tolist()) == (("7", "12"), [0, 1, 0])


def test_bags_may_be_names_in_cells(tmp_path):
    cells = np.array(["tiger 1", "b"], dtype=object)
    savemat(
        tmp_path / "a.mat", {"x": {"data": np.eye(2), "nlab": [1, 2], "ident": {"milbag": cells}}}
    )
    assert read_mat_bags(tmp_path / "a.mat").names == ("tiger 1", "b")


def test_a_file_that_is_replaced_is_read_again(tmp_path):
    assert len(read_mat_bags(mil_mat.write(tmp_path / "a.mat")).names) == 3
    mil_mat.write(tmp_path / "a.mat", ["one"], [2])
    assert read_mat_bags(tmp_path / "a.mat").names == ("one",)


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ({"y": 1}, "no variable x with bags; it has y"),
        ({"x": np.eye(2)}, "x has no field 'data'"),
        ({"x": {"data": "text", "nlab": 1, "ident": {"milbag": 1}}}, r"x\.data is .*, not numbers"),
        ({"x": {"data": np.eye(2), "nlab": 1, "ident": {"milbag": 1}}}, "have to be as many"),
        ({"x": {"data": np.zeros((0, 3)), "nlab": 1, "ident": {"milbag": 1}}}, r"\(0, 3\)"),
    ],
)
def test_another_layout_is_refused(tmp_path, content, fault):
    savemat(tmp_path / "a.mat", content)
    with pytest.raises(DataError, match=fault):
        read_mat_bags(tmp_path / "a.mat")


@pytest.mark.parametrize("share", [0, 0.1, 0.5, 0.9])
def test_a_truncated_file_is_refused(tmp_path, share):
    content = mil_mat.write(tmp_path / "a.mat").read_bytes()
    (tmp_path / "a.mat").write_bytes(content[: int(len(content) * share)])
    with pytest.raises(DataError, match=r"damaged|no variable x|no field"):
        read_mat_bags(tmp_path / "a.mat")


def test_version_7_3_is_named(tmp_path):
    head = b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM"
    (tmp_path / "a.mat").write_bytes(head + b"\x89HDF\r\n\x1a\n" + bytes(512))
    with pytest.raises(DataError, match="save it with '-v7'"):
        read_mat_bags(tmp_path / "a.mat")
