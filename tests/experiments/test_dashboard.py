import json
import subprocess
import sys
from pathlib import Path

import pytest
from fakes.tracked_runs import tracked_run
from fakes.wandb_files import history, summary, wait_until_whole
from fakes.wandb_server import wandb_server

from experiments import wandb_staging
from experiments.dashboard import COLUMNS, METRICS, PARTS, main, outline, workspace
from lightning_modules.metrics.classification import KAPPA
from lightning_modules.xray_classifier import XrayClassifier

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def machine_without_account(tmp_path, monkeypatch):
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    monkeypatch.setattr(wandb_staging, "PLACE", tmp_path)


def sections(spec):
    return {each["name"]: each for each in spec["section"]["panelBankConfig"]["sections"]}


def sent(entity="team", project="films"):
    model = workspace(entity, project)._to_model()
    return json.loads(model.spec.model_dump_json(by_alias=True, exclude_none=True))


def test_every_panel_and_column_shows_what_a_run_logs(tmp_path):
    run = tracked_run(tmp_path / "runs", public=True)
    (folder,) = run.folder.path.glob("wandb/offline-run-*")
    wait_until_whole(folder)
    logged = {key.removesuffix("/_type") for key in summary(folder)}
    logged |= {key for row in history(folder) for key in row}
    shown = {panel.key for part in PARTS for panel in part.panels} | {*COLUMNS}
    of_training = {"train/cases_per_second", "train/lr"}
    of_slides = {"figures/attention", "figures/attention_tiles"}
    assert shown - logged == of_training | of_slides


def test_metrics_are_the_headline_of_the_classifier():
    assert tuple(name for name in XrayClassifier.headline if name != KAPPA) == METRICS  # of grades


def test_view_has_the_sections_with_their_panels_over_the_steps_of_training():
    found = sections(sent())
    assert [*found] == [part.title for part in PARTS]
    for part in PARTS:
        assert len(found[part.title]["panels"]) == len(part.panels)
    (first, *_) = found["Overview"]["panels"]
    assert first["config"]["metrics"] == ["val/log_loss"]
    assert first["config"]["xAxis"] == "trainer/global_step"
    assert "tables/cases" in json.dumps(found["Cases"])


def test_runs_are_listed_with_intervals():
    (runs,) = sent()["section"]["runSets"]
    order = runs["runFeed"]["columnOrder"]
    at = order.index("summary:test/auroc")
    assert order[at + 1 : at + 3] == ["summary:test/auroc_low", "summary:test/auroc_high"]


def test_one_command_saves_the_view(monkeypatch, capsys):
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    with wandb_server() as server:
        monkeypatch.setenv("WANDB_BASE_URL", server.url)
        assert main(["--project", "films"]) == 0
        (call,) = server.calls("UpsertView2")
        assert capsys.readouterr().out.startswith(f"{server.url}/team/films?nw=")
    assert (call["entityName"], call["projectName"]) == ("team", "films")
    assert call["displayName"] == "Lightbox"
    assert [*sections(json.loads(call["spec"]))] == [part.title for part in PARTS]


def test_without_a_key_or_a_network_it_says_what_to_do(monkeypatch, capsys):
    assert main([]) == 2
    assert "no API key; run `wandb login`" in capsys.readouterr().err
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    assert main([]) == 2
    assert "does not answer; try again with a network" in capsys.readouterr().err


def test_dry_run_lists_the_sections_and_sends_nothing(capsys):
    assert main(["--dry-run"]) == 0
    assert capsys.readouterr().out == outline() + "\n"
    assert "table tables/cases" in outline()


def test_help_answers_without_loading_wandb():
    code = (
        "import sys; from experiments.dashboard import _parser; _parser().format_help()\n"
        "assert not {'torch', 'wandb', 'wandb_workspaces', 'pandas'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=REPOSITORY)
