import csv

import pytest
from fakes.run_contents import everything
from fakes.stop_at import StopAt

from callbacks.checkpoint_files import read_checkpoint
from datamodules.samplers import Draw
from experiments import predict
from experiments.catalog.slide_survival import demo_survival
from experiments.configs.logging import LoggingConfig
from experiments.rows_file import read_rows
from experiments.run_folder import RunFolder
from experiments.session import resume, start
from experiments.tasks import build_data, rebuild_module


def short(epochs):
    experiment = demo_survival()
    return experiment.replace(
        data=experiment.data.replace(workers=0),
        trainer=experiment.trainer.replace(max_epochs=epochs, checkpoint_every_steps=5),
        logging=LoggingConfig(wandb="off", bootstrap_samples=100),
    )


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    root = tmp_path_factory.mktemp("survival")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LIGHTBOX_CACHE", str(root / "cache"))
        patch.setenv("LIGHTBOX_RUNS", str(root / "runs"))
        yield start(short(10))


def test_demo_ranks_patients_by_risk(finished):
    found = finished.metrics()["test"]["c_index"]
    assert found["value"] > 0.6
    assert found["low"] > 0.5


def test_risk_groups_are_drawn_and_their_limit_is_of_validation(finished):
    rows = read_rows(finished.rows / "val.json")
    limit = finished.metrics()["operating_point"]["risk"]["threshold"]
    assert sum(row["risk"] >= limit for row in rows) == len(rows) / 2
    assert (finished.figures / "risk_groups.png").is_file()
    assert "Kaplan-Meier" in finished.report_file.read_text()


def test_survival_never_rises(finished):
    for row in read_rows(finished.rows / "test.json"):
        assert row["survival"] == sorted(row["survival"], reverse=True)


def test_checkpoint_gives_the_same_risks(finished, monkeypatch):
    monkeypatch.setenv("LIGHTBOX_CACHE", str(finished.path.parents[2] / "cache"))
    data = build_data(finished.experiment())
    data.prepare(finished.splits_file)
    module = rebuild_module(read_checkpoint(finished.checkpoints / "best.ckpt"))
    index = data.indices("test")[0]
    batch = data.dataset(training=False).__getitems__([Draw(index)])
    risk = float(module.describe(batch)[0].detach()[0, 0])
    rows = {row["case_id"]: row for row in read_rows(finished.rows / "test.json")}
    assert risk == pytest.approx(rows[data.table.cases[index].case_id]["risk"], abs=1e-5)


def test_stopped_run_ends_as_one_that_was_not(finished, tmp_path, monkeypatch):
    monkeypatch.setenv("LIGHTBOX_CACHE", str(finished.path.parents[2] / "cache"))
    monkeypatch.setenv("LIGHTBOX_RUNS", str(tmp_path))
    whole = start(short(2))
    with pytest.raises(RuntimeError, match="stopped here"):
        start(short(2), callbacks=[StopAt(8)])
    stopped = RunFolder.open(max(whole.path.parent.iterdir(), key=lambda p: p.stat().st_mtime_ns))
    resume(stopped)
    assert everything(stopped) == everything(whole)
    assert stopped.metrics() == whole.metrics()


def test_prediction_of_a_file_is_what_evaluation_said_of_it(finished, tmp_path, monkeypatch):
    cache = finished.path.parents[2] / "cache"
    monkeypatch.setenv("LIGHTBOX_CACHE", str(cache))
    data = build_data(finished.experiment())
    row = next(iter(read_rows(finished.rows / "test.json")))
    case = next(case for case in data.table.cases if case.case_id == row["case_id"])
    place = data.table.root / next(iter(case.inputs.values())).path
    assert predict.main([str(finished.path), str(place), "--output", str(tmp_path / "out")]) == 0
    with (tmp_path / "out" / "predictions.csv").open() as file:
        (found,) = csv.DictReader(file)
    assert float(found["risk"]) == pytest.approx(row["risk"], abs=1e-4)
