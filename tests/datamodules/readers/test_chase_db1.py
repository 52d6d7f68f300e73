import os
from collections import Counter
from pathlib import Path

import pytest
from fakes import fundus

from datamodules.cases import Structure
from datamodules.errors import DataError
from datamodules.problems import Kind
from datamodules.readers.chase_db1 import ChaseDb1Reader


def reader(root):
    return ChaseDb1Reader(root=str(root))


def test_the_number_is_the_child_and_the_letter_the_eye(tmp_path):
    table = reader(fundus.write_chase_db1(tmp_path)).read()
    assert [case.patient_id for case in table.cases] == ["01", "01", "02", "02", "11", "11"] + [
        "14"
    ] * 2
    assert [case.attributes["eye"] for case in table.cases[:2]] == ["left", "right"]
    assert (table.structures, table.public) == ((Structure("vessels"),), True)


def test_children_from_11_on_are_for_testing(tmp_path):
    cases = reader(fundus.write_chase_db1(tmp_path, (9, 10, 11))).read().cases
    assert [case.split for case in cases[::2]] == ["train_val", "train_val", "test"]


def test_the_first_observer_is_the_mask_and_the_second_is_kept(tmp_path):
    targets = reader(fundus.write_chase_db1(tmp_path)).read().cases[1].targets
    assert targets["masks"]["vessels"].path == "Image_01R_1stHO.png"
    assert targets["masks_second_observer"]["vessels"].path == "Image_01R_2ndHO.png"


def test_a_missing_mask_is_named_and_a_missing_second_opinion_is_not(tmp_path):
    fundus.write_chase_db1(tmp_path)
    (tmp_path / "Image_01L_1stHO.png").unlink()
    (tmp_path / "Image_01R_2ndHO.png").unlink()
    reading = reader(tmp_path).examine()
    assert [(each.kind, each.case_id) for each in reading.problems] == [(Kind.LABEL, "Image_01L")]
    assert "masks_second_observer" not in reading.table.cases[1].targets


def test_another_folder_is_refused_and_another_photograph_left_out(tmp_path):
    with pytest.raises(DataError, match=r"no Image_01L\.jpg and the like"):
        reader(tmp_path).read()
    (fundus.write_chase_db1(tmp_path) / "Image_extra.jpg").touch()
    notice = "Photographs whose names do not say child and eye, left out: 1."
    assert reader(tmp_path).read().notices == (notice,)


@pytest.mark.data
def test_the_published_photographs_are_28_of_14_children():
    if not (Path(os.environ["LIGHTBOX_DATA"]) / "chase_db1").is_dir():
        pytest.skip("chase_db1 is not under LIGHTBOX_DATA")
    cases = ChaseDb1Reader().read().cases
    assert Counter(case.split for case in cases) == {"train_val": 20, "test": 8}
    assert set(Counter(case.patient_id for case in cases).values()) == {2}
