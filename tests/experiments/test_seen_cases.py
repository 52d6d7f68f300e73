"""What a run was trained on is refused as external, by its ids and by its films."""

import shutil
from pathlib import Path
from typing import NamedTuple

import pytest
from fakes import nih_chestxray14
from fakes.tiny_experiment import tiny_experiment

from datamodules.cache import list_entries
from datamodules.configs.xrays import XrayPreprocessing, XraysConfig
from datamodules.errors import ConfigError
from datamodules.readers.csv_table import CsvReader
from datamodules.readers.nih_chestxray14 import NihChestXray14Reader
from datamodules.splits_file import read_splits
from datamodules.xrays import XraysData
from experiments.experiment import Experiment
from experiments.run_folder import RunFolder
from experiments.seen_cases import SeenCases


class Run(NamedTuple):
    folder: RunFolder
    root: Path


def prepared(folder: Path, experiment: Experiment) -> RunFolder:
    """A run folder with all that is looked at here."""
    folder.mkdir()
    (folder / "experiment.yaml").write_text(experiment.to_yaml())
    XraysData(experiment.data, experiment.seed).prepare(folder / "splits.csv")
    return RunFolder(folder)


@pytest.fixture
def run(tmp_path) -> Run:
    experiment = tiny_experiment(tmp_path / "data")
    return Run(prepared(tmp_path / "run", experiment), tmp_path / "data")


def external(root: Path, **reader) -> XraysData:
    reader = CsvReader(root=str(root), patient_column="patient", label_columns=("label",), **reader)
    preprocessing = XrayPreprocessing(size=32)
    return XraysData(XraysConfig(reader=reader, preprocessing=preprocessing, workers=0))


def refusal(run: Run, data: XraysData) -> str:
    seen = SeenCases.of(run.folder)
    seen.refuse_known(data)
    data.prepare(held_out=True)
    with pytest.raises(ConfigError) as caught:
        seen.refuse_copies(data)
    return str(caught.value)


def test_the_same_films_by_another_root_are_refused(run, tmp_path):
    (tmp_path / "link").symlink_to(run.root)
    seen = len(SeenCases.of(run.folder).cases)
    said = refusal(run, external(tmp_path / "link"))
    assert said.startswith(f"{seen} of 80 cases show images that the run was trained or validated")
    assert "such as 000, 001, 002: they are not external" in said


def test_a_few_films_in_another_table_by_other_names_are_refused(run, tmp_path):
    seen = sorted(SeenCases.of(run.folder).cases)[:2]
    (tmp_path / "other").mkdir()
    for at, name in enumerate(seen):
        shutil.copy(run.root / f"images/{name}.png", tmp_path / f"other/copy{at}.png")
    rows = [f"copy{at}.png,{at},q{at}" for at in range(2)]
    (tmp_path / "other/few.csv").write_text("\n".join(["path,label,patient", *rows]) + "\n")
    said = refusal(run, external(tmp_path / "other", table="few.csv"))
    assert said.startswith("2 of 2 cases show images")
    assert "copy0, copy1" in said


def test_test_films_of_the_run_are_not_what_it_was_trained_on(run):
    seen = SeenCases.of(run.folder)
    sides = read_splits(run.folder.splits_file)
    assert seen.cases == {case for case, side in sides.items() if side in ("train", "val")}
    assert "test" in sides.values()


def test_copies_are_known_when_the_runs_data_and_cache_are_gone(run, tmp_path):
    for entry in list_entries():
        shutil.rmtree(entry.path)
    run.root.rename(tmp_path / "moved")
    assert "cases show images" in refusal(run, external(tmp_path / "moved"))


def test_of_an_older_run_without_its_cache_it_is_said_that_nobody_looked(run):
    rows = [line.rpartition(",")[0] for line in run.folder.splits_file.read_text().splitlines()]
    run.folder.splits_file.write_text("\n".join(rows) + "\n")
    for entry in list_entries():
        shutil.rmtree(entry.path)
    seen, data = SeenCases.of(run.folder), external(run.root)
    data.prepare(held_out=True)
    (said,) = seen.refuse_copies(data)
    assert "was not looked at: what the run's own data shows is not kept" in said


def test_run_without_splits_is_refused(run):
    run.folder.splits_file.unlink()
    with pytest.raises(ConfigError, match=r"has no splits\.csv"):
        SeenCases.of(run.folder)


def test_equal_names_of_files_do_not_make_equal_cases(run, tmp_path):
    tiny_experiment(tmp_path / "other")
    SeenCases.of(run.folder).refuse_known(external(tmp_path / "other"))


@pytest.mark.parametrize("there", [True, False])
def test_cases_and_patients_of_a_published_dataset_are_known_by_their_ids(tmp_path, there):
    root = nih_chestxray14.write(tmp_path / "nih")
    reader = NihChestXray14Reader(root=str(root))
    config = XraysConfig(reader=reader, preprocessing=XrayPreprocessing(size=32), workers=0)
    experiment = tiny_experiment(tmp_path / "unused").replace(data=config)
    folder = prepared(tmp_path / "run", experiment)
    again = shutil.copytree(root, tmp_path / "again")
    if not there:
        shutil.rmtree(root)
    data = XraysData(config.replace(reader=reader.replace(root=str(again))))
    with pytest.raises(ConfigError, match=r"\d+ of \d+ cases are cases or patients that the run"):
        SeenCases.of(folder).refuse_known(data)
