"""Ten faults of each of fourteen kinds in one tree: all of them in one report, and nothing else."""

from collections import Counter

import pytest
from fakes import nih_chestxray14, planted_faults

from datamodules.configs.xrays import XrayPreprocessing, XraysConfig
from datamodules.doctor.xrays import examine_xrays
from datamodules.problems import Kind
from datamodules.readers.nih_chestxray14 import NihChestXray14Reader

ENTRY = planted_faults.ENTRY
WITHOUT_IMAGES = {Kind.MISSING, Kind.PATH, Kind.CASE_ID, Kind.LABEL, Kind.PATIENT}
WITHOUT_IMAGES |= {Kind.SPLIT, Kind.BOX, Kind.TWO_SIDES}


def examine(root, pixels=True):
    return examine_xrays(
        XraysConfig(
            reader=NihChestXray14Reader(root=str(root)),
            labels=("Nodule",),
            preprocessing=XrayPreprocessing(size=64),
        ),
        pixels=pixels,
    )


def named(found):
    """Kind of each problem, with its case or, where it is about one, its patient."""
    return Counter(
        (problem.kind, problem.case_id or problem.where.removeprefix("patient "))
        for problem in found.problems
    )


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    return planted_faults.write(tmp_path_factory.mktemp("planted") / "nih")


def test_every_planted_fault_is_found_once_and_nothing_else(tree):
    assert len(tree.planted) == 140
    assert named(examine(tree.root)) == Counter(tree.planted)


def test_without_opening_images_all_is_found_that_needs_none(tree):
    expected = [(kind, name) for kind, name in tree.planted if kind in WITHOUT_IMAGES]
    assert len(expected) == 90
    assert named(examine(tree.root, pixels=False)) == Counter(expected)


def test_each_problem_names_its_file_or_row(tree):
    for problem in examine(tree.root).problems:
        assert (problem.case_id or "patient") in str(problem)
        assert str(tree.root) not in str(problem)


def test_a_sound_tree_has_no_problem(tmp_path):
    found = examine(planted_faults.write(tmp_path / "nih", faults=False).root)
    assert found.problems == []
    assert len(found.images) == 400


def test_faults_of_one_film_do_not_hide_each_other(tmp_path):
    root = nih_chestxray14.write(tmp_path, 24)
    nih_chestxray14.edit(root / ENTRY, "No Finding,0,1,", "Nodules,0,77,")
    (root / "images_002/images/00000001_000.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    nih_chestxray14.edit(root / "train_val_list.txt", "00000001_000.png\n", "")
    kinds = Counter(problem.kind for problem in examine(root).problems)
    assert kinds == {Kind.LABEL: 1, Kind.PATIENT: 1, Kind.UNREADABLE: 1, Kind.SPLIT: 1}


def test_a_row_that_is_cut_off_hides_no_other_fault(tmp_path):
    root = nih_chestxray14.write(tmp_path, 24)
    nih_chestxray14.edit(root / ENTRY, "00000001_000.png,No Finding,0,1,31", "00000001_000.png")
    nih_chestxray14.edit(root / ENTRY, "00000002_000.png,No Finding", "00000002_000.png,Cold")
    layout, label = examine(root).problems
    assert (layout.kind, layout.where) == (Kind.LAYOUT, ENTRY)
    assert "row 2 has 7 cells" in layout.message
    assert label.case_id == "00000002_000"
