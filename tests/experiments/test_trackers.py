"""TensorBoard, CSV and MLflow, through two attempts at a whole run."""

import csv

import pytest
from fakes.tiny_experiment import tiny_experiment

from experiments.configs.logging import LoggingConfig
from experiments.session import resume, start
from experiments.trackers import TolerantMLflow, build_trackers, check_trackers

pytest.importorskip("tensorboard")
pytest.importorskip("mlflow")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A run of an epoch that goes on for another one."""
    place = tmp_path_factory.mktemp("tracked")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LIGHTBOX_CACHE", str(place / "cache"))
        patch.setenv("LIGHTBOX_RUNS", str(place / "runs"))
        patch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
        tiny = tiny_experiment(place / "data", epochs=1)
        logging = tiny.logging.replace(
            csv=True, tensorboard=True, mlflow=str(place / "store"), tags=("first",)
        )
        run = start(tiny.replace(logging=logging))
        experiment = run.experiment()
        longer = experiment.trainer.replace(max_epochs=2)
        resume(run, experiment.replace(trainer=longer))
        yield run


def mlflow_run(folder):
    from mlflow import MlflowClient

    client = MlflowClient(folder.experiment().logging.mlflow)
    return client, client.get_run(folder.status()["mlflow_run"])


def test_tensorboard_has_every_step_once_over_both_attempts(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder.path / "tensorboard"))
    events.Reload()
    steps = [event.step for event in events.Scalars("train/loss")]
    assert steps == sorted(set(steps))
    assert len(steps) == steps[-1] > 7
    final = events.Scalars("final/test/auroc")[-1].value
    assert final == pytest.approx(folder.metrics()["test"]["auroc"]["value"])


def test_each_attempt_has_a_table_of_its_own(folder):
    tables = [folder.path / "csv" / f"attempt-{number}" / "metrics.csv" for number in (1, 2)]
    steps = [
        [int(row["step"]) for row in csv.DictReader(table.open()) if row["train/loss"]]
        for table in tables
    ]
    assert steps[0] == list(range(1, steps[0][-1] + 1))
    assert steps[1] == list(range(steps[0][-1] + 1, steps[1][-1] + 1))


def test_mlflow_has_one_finished_run_with_settings_steps_and_results(folder, monkeypatch):
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    client, run = mlflow_run(folder)
    assert run.info.status == "FINISHED"
    assert run.data.params["trainer/max_epochs"] == "1"
    assert run.data.tags["first"] == "true"
    history = client.get_metric_history(run.info.run_id, "train/loss")
    assert sorted(value.step for value in history) == list(range(1, len(history) + 1))
    accuracy = folder.metrics()["test"]["accuracy@operating_point"]["value"]
    assert run.data.metrics["final/test/accuracy_at_operating_point"] == accuracy


def test_no_place_and_no_user_of_this_machine_is_in_mlflow(folder, monkeypatch):
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    _, run = mlflow_run(folder)
    place = str(folder.path.parents[2])
    assert not [name for name, value in run.data.params.items() if place in value]
    own = [run.data.tags[name] for name in ("mlflow.user", "mlflow.source.name")]
    assert own == ["lightbox", "lightbox"]


def test_server_that_goes_away_does_not_end_the_run(folder, monkeypatch, caplog):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    logger = TolerantMLflow(tracking_uri="http://127.0.0.1:9", run_id="gone")
    with caplog.at_level("WARNING", logger="lightbox"):
        logger.log_metrics({"train/loss": 1.0}, 1)
        logger.log_metrics({"train/loss": 1.0}, 2)
    assert caplog.text.count("MLflow lacks what follows") == 1


def test_tracker_that_is_not_installed_is_named_with_the_command(monkeypatch):
    from datamodules.errors import ConfigError

    monkeypatch.setattr("experiments.trackers.find_spec", lambda _: None)
    with pytest.raises(ConfigError, match=r"--logging.mlflow needs .*trackers"):
        check_trackers(LoggingConfig(mlflow="http://mlflow.hospital:5000"))


def test_without_trackers_there_is_no_logger(folder):
    experiment = folder.experiment()
    plain = experiment.replace(logging=LoggingConfig())
    assert build_trackers(plain, folder, 1) == []
