import pytest

from callbacks.checkpoint_files import read_checkpoint
from datamodules.samplers import Draw
from experiments.catalog.slide_survival import demo_survival
from experiments.configs.logging import LoggingConfig
from experiments.rows_file import read_rows
from experiments.session import start
from experiments.tasks import build_data, rebuild_module


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    root = tmp_path_factory.mktemp("survival")
    experiment = demo_survival()
    experiment = experiment.replace(
        data=experiment.data.replace(workers=0),
        trainer=experiment.trainer.replace(max_epochs=10),
        logging=LoggingConfig(wandb="off", bootstrap_samples=100),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LIGHTBOX_CACHE", str(root / "cache"))
        patch.setenv("LIGHTBOX_RUNS", str(root / "runs"))
        yield start(experiment)


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
