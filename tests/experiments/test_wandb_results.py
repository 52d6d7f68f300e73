import json
import logging
import socket
import sys
from pathlib import Path

import pytest
from fakes.evaluated_runs import ROOT, evaluated_run
from fakes.tracked_runs import tracked_run
from fakes.wandb_files import config, history, summary, wait_until_whole
from fakes.wandb_server import wandb_server
from PIL import Image, ImageChops

from datamodules.data_info import LabelSet
from experiments import wandb_staging, wandb_tracking
from experiments.wandb_results import _predictions, log_results
from experiments.wandb_tracking import hashed_id

HOST = "host-of-some-hospital"
ARGUMENT = "--argument-of-the-command-line"
PRIVATE = (HOST, ARGUMENT, ROOT, "film-0", "patient-0", "films/0", str(Path.home() / ".local"))


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A machine with a name, a command line, and a local key of its own."""
    (tmp_path / "neutral").mkdir()
    monkeypatch.setattr(wandb_staging, "PLACE", tmp_path / "neutral")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    monkeypatch.setattr(socket, "gethostname", lambda: HOST)
    monkeypatch.setattr(sys, "argv", ["run.py", ARGUMENT])
    return tmp_path


@pytest.fixture
def server(monkeypatch):
    """A W&B server on this machine, with a key for it."""
    with wandb_server() as server:
        monkeypatch.setenv("WANDB_BASE_URL", server.url)
        monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
        yield server


def tracked(home, **settings):
    """An evaluated run, and the folder of its offline W&B run."""
    run = tracked_run(home / "runs", **settings)
    (folder,) = run.folder.path.glob("wandb/offline-run-*")
    wait_until_whole(folder)
    return run, folder


def private_in(data, run):
    return [text for text in (*PRIVATE, str(run.folder.path)) if text.encode() in data]


def table(folder, name):
    (path,) = folder.glob(f"files/media/table/tables/{name}_*.table.json")
    return json.loads(path.read_text())


def test_nothing_private_is_anywhere_in_the_offline_run(home):
    run, folder = tracked(home, public=True)
    files = [path for path in folder.parent.rglob("*") if path.is_file() and path.suffix != ".log"]
    assert len(files) > 10
    for path in files:
        assert (path.name, private_in(path.read_bytes(), run)) == (path.name, [])


def test_nothing_private_is_sent(home, server):
    run = tracked_run(home / "runs", mode="online", public=True, cases=24)
    assert private_in(server.everything(), run) == []
    assert {call["program"] for call in server.calls("UpsertBucket")} == {"lightbox", None}
    uploads = server.uploads()
    assert {f"tables/{name}.table.json" for name in ("results", "predictions", "cases")} <= {
        *uploads
    }
    assert len([name for name in uploads if name.endswith(".jpg")]) >= 10
    assert private_in(uploads["manifest"], run) == []
    assert not list((home / "neutral").iterdir())


def test_server_that_goes_away_costs_little_and_says_so(home, server, monkeypatch, caplog):
    monkeypatch.setattr(wandb_tracking, "FINISH_SECONDS", 0.5)
    begin = wandb_tracking.build_loggers

    def begin_then_lose(*arguments):
        loggers = begin(*arguments)
        server.stop()
        return loggers

    monkeypatch.setattr("fakes.tracked_runs.build_loggers", begin_then_lose)
    with caplog.at_level(logging.WARNING, logger="lightbox"):
        run = tracked_run(home / "runs", mode="online")
    assert "does not answer" in caplog.text
    assert "lightbox sync" in caplog.text
    (folder,) = run.folder.path.glob("wandb/run-*")
    wait_until_whole(folder)
    assert history(folder)[0]["train/loss"] == 0.5
    assert "test/auroc_low" in summary(folder)


def test_whole_configuration_is_there_without_places_on_this_machine(home):
    run, folder = tracked(home)
    found = config(folder)
    expected = json.loads(json.dumps(run.folder.experiment().public()))
    assert {name: found[name] for name in expected} == expected


def test_summary_has_every_figure_with_its_interval(home):
    run, folder = tracked(home, labels=LabelSet(("a", "b"), exclusive=False))
    found, metrics = summary(folder), run.folder.metrics()
    for split in ("val", "test"):
        for name in ("auroc", "f1@operating_point"):
            figure = metrics[split][name]
            keys = (f"{split}/{name}", f"{split}/{name}_low", f"{split}/{name}_high")
            expected = [figure["value"], figure["low"], figure["high"]]
            assert [found[key] for key in keys] == pytest.approx(expected)
    assert found["test/auroc/b"] == pytest.approx(metrics["test"]["auroc/b"]["value"])
    assert found["test/auroc_low/b"] == pytest.approx(metrics["test"]["auroc/b"]["low"])


def test_undefined_figure_is_not_in_the_summary_but_empty_in_the_table(home):
    _, folder = tracked(home, positives_in_test=False)
    assert "test/auroc" not in summary(folder)
    assert ["auroc", "test", None, None, None] in [
        row[:5] for row in table(folder, "results")["data"]
    ]


def test_table_of_results_holds_metrics_json(home):
    run, folder = tracked(home)
    found = table(folder, "results")
    assert found["columns"] == ["name", "split", "value", "low", "high", "cases", "patients"]
    figure = run.folder.metrics()["test"]["brier"]
    assert ["brier", "test", *(figure[key] for key in found["columns"][2:])] in found["data"]
    assert len(found["data"]) == sum(len(run.folder.metrics()[name]) for name in ("val", "test"))


def test_table_of_predictions_holds_every_case_under_its_hashed_id(home):
    run, folder = tracked(home)
    found = table(folder, "predictions")
    assert found["columns"] == ["case", "split", "probability/Nodule", "decision", "truth/Nodule"]
    row = run.module.rows["test"][0]
    score = pytest.approx(row["scores"][0], abs=1e-6)
    shown = {case[0]: case[1:] for case in found["data"]}
    assert len(shown) == len(run.module.rows["test"]) + len(run.module.rows["val"])
    assert shown[hashed_id(row["case_id"])][:2] == ["test", score]
    assert shown[hashed_id(row["case_id"])][3] == row["targets"][0]


def test_columns_that_are_not_known_stay_here(home):
    run, _ = tracked(home)
    path = run.folder.predictions / "test.csv"
    header, first, *_ = path.read_text().splitlines()
    path.write_text(f"{header},surname\n{first},Doe\n")
    assert not [row for row in _predictions(run.folder) if "surname" in row]


@pytest.mark.parametrize(
    ("images", "public", "shown"),
    [
        ("auto", False, False),
        ("auto", True, True),
        ("on", False, True),
        ("off", True, False),
    ],
)
def test_images_of_patients_and_the_report_go_only_where_they_may(home, images, public, shown):
    _, folder = tracked(home, images=images, public=public)
    names = {path.name.partition("_")[0] for path in folder.rglob("media/images/**/*.png")}
    assert {"roc", "precision", "confusion", "calibration", "class", "learning"} <= names
    assert ("mistakes" in names) == shown
    assert bool(list(folder.rglob("media/html/report/*.html"))) == shown


def test_sheet_of_mistakes_is_drawn_anew_without_the_ids(home):
    run, folder = tracked(home, public=True)
    (shared,) = folder.rglob("media/images/figures/mistakes_*.png")
    here, there = Image.open(run.folder.figures / "mistakes.png"), Image.open(shared)
    assert here.size == there.size
    assert ImageChops.difference(here.convert("L"), there.convert("L")).getbbox() is not None


def test_results_stand_after_the_last_step_of_training(home):
    _, folder = tracked(home)
    rows = history(folder)
    assert [row["_step"] for row in rows] == [0, 1, 2, 3, 4, 5]
    assert [row["trainer/global_step"] for row in rows] == [30, 40, 50, 80, 80, 80]


def test_next_run_of_the_process_is_a_run_of_its_own(home):
    tracked(home)
    _, folder = tracked(home / "second", has_patients=False)
    assert [row["trainer/global_step"] for row in history(folder)] == [30, 40, 50, 80, 80, 80]


def test_without_a_logger_of_wandb_nothing_happens(home):
    run = evaluated_run(home / "runs")
    log_results([], run.folder.experiment(), run.module, run.data, run.folder)
    log_results([object()], run.folder.experiment(), run.module, run.data, run.folder)
    assert not (run.folder.path / "wandb").exists()
