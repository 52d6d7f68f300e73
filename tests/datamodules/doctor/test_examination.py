"""The doctor as a whole: what is found side by side, and what a run makes of it."""

import numpy as np
import pytest
from fakes import csv_table, medmnist, nih_chestxray14, xray_files

from datamodules.configs.data import DataSettings
from datamodules.configs.xrays import XrayPreprocessing, XraysConfig
from datamodules.doctor.examination import Examination, examine_cases
from datamodules.doctor.xrays import examine_xrays
from datamodules.errors import ConfigError, DataError
from datamodules.problems import Kind, Problem
from datamodules.readers.csv_table import CsvReader
from datamodules.readers.medmnist import MedMnistReader


@pytest.fixture
def root(tmp_path):
    csv_table.write(tmp_path, patients=30)
    return tmp_path


def config(root, size=64, **reader):
    reader = CsvReader(root=str(root), **{"patient_column": "patient", **reader})
    return XraysConfig(reader=reader, preprocessing=XrayPreprocessing(size=size))


def kinds(found):
    return {str(problem.kind): problem.severity for problem in found.problems}


def test_faults_of_table_images_and_division_are_found_together(root):
    (root / "images/p001_0.png").unlink()
    (root / "images/p002_0.png").write_bytes(b"")
    (root / "images/p003_1.png").write_bytes((root / "images/p003_0.png").read_bytes())
    xray_files.write_image(root / "images/p004_0.png", np.full((64, 64), 9, np.uint8))
    nih_chestxray14.edit(root / "labels.csv", "p005_0.png,0", "p005_0.png,0.5")
    found = examine_xrays(config(root), pixels=True)
    assert kinds(found) == {
        "missing-image": "error",
        "unreadable-image": "error",
        "label": "error",
        "identical-within-a-split": "warning",
        "blank-image": "warning",
        "note": "notice",
    }
    assert [each.case_id for each in found.by_kind("error")[Kind.MISSING]] == ["p001_0"]
    assert len(found.images) == 58


@pytest.mark.parametrize("wrong", [{"labels": ("nodle",)}, {"table_features": ("shoe",)}])
def test_wrong_settings_are_found_before_an_image_is_read(root, wrong, monkeypatch):
    def read(table, owners):
        raise AssertionError("images are read")

    monkeypatch.setattr("datamodules.doctor.xrays.read_films", read)
    with pytest.raises(ConfigError, match=f"--data.{next(iter(wrong)).replace('_', '-')}"):
        examine_xrays(config(root).replace(**wrong), pixels=True)


def test_the_division_and_the_counts_are_those_of_a_run(root):
    from datamodules.xrays import XraysData

    found = examine_xrays(config(root), pixels=True)
    data = XraysData(config(root))
    data.prepare()
    assert found.splits == data.splits
    train = next(count for count in found.counts if count.split == "train")
    assert (train.positive, train.negative) == (*data.info.positives, *data.info.negatives)


def test_a_table_that_cannot_be_read_is_the_only_problem(root):
    (root / "labels.csv").write_text("path,label\n")
    found = examine_xrays(config(root), pixels=True)
    assert (found.table, kinds(found)) == (None, {"layout": "error"})


def test_when_most_images_are_missing_the_root_is_suspected(root):
    (root / "images").rename(root / "elsewhere")
    found = examine_xrays(config(root), pixels=True)
    assert "is --data.reader.root the folder" in str(found.by_kind("notice")[Kind.NOTE][-1])


def test_cases_without_a_label_are_noticed(root):
    nih_chestxray14.edit(root / "labels.csv", "p005_0.png,0", "p005_0.png,")
    found = examine_xrays(config(root, multi_label=True), pixels=False)
    assert [str(each) for each in found.by_kind("notice")[Kind.NOTE]] == [
        "Cases without any known label, which a run leaves out: 1."
    ]


def test_a_label_that_does_not_exist_is_a_setting_that_is_wrong(root):
    with pytest.raises(ConfigError, match="no finding 'nodule'"):
        examine_xrays(config(root).replace(labels=("nodule",)), pixels=False)


def test_exams_that_nobody_knows_are_a_setting_that_is_wrong(root):
    with pytest.raises(ConfigError, match="does not say which exam"):
        examine_xrays(config(root).replace(unit="exam"), pixels=False)


def test_exams_are_looked_at_as_a_run_makes_them(root):
    found = examine_xrays(config(root, exam_column="patient").replace(unit="exam"), pixels=True)
    assert (len(found.table.cases), len(found.images)) == (30, 60)
    assert len(found.splits) == 30


def test_exams_that_do_not_agree_are_found_beside_unreadable_images(root):
    (root / "images/p002_0.png").write_bytes(b"")
    found = examine_xrays(config(root, exam_column="site").replace(unit="exam"), pixels=True)
    assert sorted(map(str, found.by_kind("error"))) == ["layout", "unreadable-image"]


def test_any_dataset_can_be_looked_at_without_images(root):
    found = examine_cases(DataSettings(reader=config(root).reader), config(root).reader.examine())
    assert (found.images, found.by_kind("error")) == (None, {})
    assert set(found.splits.values()) == {"train", "val", "test"}


def test_an_official_test_copy_costs_the_training_case_its_place(tmp_path):
    images = medmnist.arrays()["train_images"]
    images[3] = medmnist.arrays()["test_images"][0]
    medmnist.write(tmp_path, train_images=images)
    reader = MedMnistReader(root=str(tmp_path), download=False)
    found = examine_xrays(
        XraysConfig(reader=reader, preprocessing=XrayPreprocessing(size=28)), pixels=True
    )
    assert found.splits["train-00003"] == "excluded"
    assert str(found.by_kind("warning")[Kind.COPIES_ACROSS][0]).startswith(
        "'train-00003' (train) = 'test-00000' (test): the same image"
    )


# What a run makes of it


def errors(**kinds):
    return [
        Problem(Kind[kind.upper()], f"case {number}", "bad")
        for kind, count in kinds.items()
        for number in range(count)
    ]


def test_errors_are_refused_the_first_of_each_kind_first():
    with pytest.raises(DataError) as caught:
        Examination(None, errors(label=30, missing=30)).refuse_errors()
    assert caught.value.problems[:3] == ("case 0: bad", "case 0: bad", "case 1: bad")
    assert len(caught.value.problems) == 60
    assert "missing images: 30 (restore the files" in str(caught.value)
    assert "... and 40 more" in str(caught.value)


def test_a_single_error_is_one_line():
    with pytest.raises(DataError, match=r"^case 0: bad$"):
        Examination(None, errors(label=1)).refuse_errors()


def test_warnings_and_notices_are_not_refused():
    problem = Problem(Kind.COPIES, "a = b", "the same image", "warning")
    Examination(None, [problem]).refuse_errors()


def test_balance_is_not_judged_before_the_division_is_final():
    lost = [Problem(Kind.IMBALANCE, "", "no case is left for val")]
    Examination(None, lost).refuse_errors()
    with pytest.raises(DataError, match="no case is left"):
        Examination(None, lost, images={}).refuse_errors()
