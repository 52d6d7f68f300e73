"""Reading as far as it goes: what each reader keeps of a dataset that is partly at fault."""

from collections import Counter
from typing import Literal

import numpy as np
from fakes import csv_table, folder, medmnist, nih_chestxray14

from datamodules.errors import DataError
from datamodules.problems import Kind, Problem
from datamodules.readers.csv_table import CsvReader
from datamodules.readers.folder import FolderReader
from datamodules.readers.medmnist import MedMnistReader
from datamodules.readers.nih_chestxray14 import NihChestXray14Reader
from datamodules.readers.reader import ReaderSettings


def kinds(reading):
    return Counter(problem.kind for problem in reading.problems)


def test_a_sound_dataset_has_no_problem(tmp_path):
    reader = NihChestXray14Reader(root=str(nih_chestxray14.write(tmp_path)))
    assert reader.examine().problems == ()
    assert reader.examine().table == reader.read()


def test_a_folder_that_is_not_there_is_a_problem_without_cases(tmp_path):
    reading = CsvReader(root=str(tmp_path / "gone")).examine()
    assert reading.table is None
    assert kinds(reading) == {Kind.LAYOUT: 1}


def test_a_reader_that_only_raises_is_heard(tmp_path):
    class Plain(ReaderSettings):
        """Gathers plain lines."""

        kind: Literal["plain"] = "plain"

        def list_cases(self):
            raise DataError("problems in the table: 2", ["row 2: odd", "row 3: odd"])

    reading = Plain(root=str(tmp_path)).examine()
    assert reading.table is None
    assert reading.problems[1] == Problem(Kind.LAYOUT, "", "row 3: odd")


def test_csv_keeps_each_case_with_what_is_known_of_it(tmp_path):
    csv_table.write(tmp_path)
    table = tmp_path / "labels.csv"
    nih_chestxray14.edit(table, "p000_0.png,1,p000", "p000_0.png,0.5,p000")
    nih_chestxray14.edit(table, "p001_0.png,0,p001", "p001_0.png,0,")
    nih_chestxray14.edit(table, "p002_0.png,0,p002", "p002_1.png,0,p002")
    nih_chestxray14.edit(table, "p003_0.png,1,p003,B,23,F", "p003_0.png,1")
    (tmp_path / "images/p004_0.png").unlink()
    reading = CsvReader(root=str(tmp_path), patient_column="patient").examine()
    assert kinds(reading) == {
        **dict.fromkeys((Kind.LABEL, Kind.PATIENT, Kind.CASE_ID, Kind.LAYOUT, Kind.MISSING), 1)
    }
    cases = {case.case_id: case for case in reading.table.cases}
    assert len(cases) == 22
    assert cases["p000_0"].targets == {}
    assert cases["p001_0"].patient_id == "p001_0"
    assert cases["p004_0"].inputs == {}
    assert reading.table.classes == ("0", "1")


def test_folders_keep_the_images_of_the_other_folders(tmp_path):
    folder.write(tmp_path, splits=("train", "test"))
    (tmp_path / "train/empty").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "test/normal/away.png").symlink_to("/etc/hostname")
    reading = FolderReader(root=str(tmp_path)).examine()
    assert kinds(reading) == {Kind.LAYOUT: 2, Kind.PATH: 1}
    assert len(reading.table.cases) == 24


def test_medmnist_keeps_the_images_whose_label_is_wrong(tmp_path):
    labels = medmnist.arrays()["val_labels"]
    labels[3] = 9
    medmnist.write(tmp_path, val_labels=labels, test_labels=np.zeros((8, 2), np.uint8))
    reading = MedMnistReader(root=str(tmp_path), download=False).examine()
    assert [problem.case_id for problem in reading.problems] == ["val-00003", None]
    targets = {case.case_id: case.targets for case in reading.table.cases}
    assert len(targets) == 40
    assert targets["val-00003"] == targets["test-00000"] == {}
    assert targets["val-00004"] != {}


def test_nih_goes_on_without_lists_and_boxes_that_cannot_be_read(tmp_path):
    root = nih_chestxray14.write(tmp_path)
    (root / "test_list.txt").write_bytes(b"\xff\xfe\x00")
    (root / "BBox_List_2017.csv").write_text("Image Index\n00000003_000.png\n")
    (root / "images_001/images/00000002_000.png").unlink()
    reading = NihChestXray14Reader(root=str(root)).examine()
    assert kinds(reading) == {Kind.LAYOUT: 2, Kind.MISSING: 1}
    assert {case.split for case in reading.table.cases} == {None}
