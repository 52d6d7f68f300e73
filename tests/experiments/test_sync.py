import pytest
from fakes.evaluated_runs import evaluated_run
from fakes.tracked_runs import tracked_run
from fakes.wandb_files import wait_until_whole
from fakes.wandb_server import wandb_server

from experiments import wandb_staging
from experiments.sync import main


@pytest.fixture(autouse=True)
def machine_without_account(tmp_path, monkeypatch):
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    (tmp_path / "neutral").mkdir()
    monkeypatch.setattr(wandb_staging, "PLACE", tmp_path / "neutral")


def test_offline_run_is_uploaded_with_its_tables_and_without_a_path(tmp_path, monkeypatch):
    run = tracked_run(tmp_path / "runs", public=True, cases=24)
    wait_until_whole(run.folder.path)
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    monkeypatch.chdir(tmp_path)
    with wandb_server() as server:
        monkeypatch.setenv("WANDB_BASE_URL", server.url)
        assert main([str(run.folder.path)]) == 0
        assert "tables/cases.table.json" in server.uploads()
        assert str(run.folder.path).encode() not in server.everything()
        assert {call["program"] for call in server.calls("UpsertBucket")} == {"lightbox", None}
    assert not list((tmp_path / "neutral").iterdir())
    assert not (tmp_path / "wandb").exists()


def test_run_that_was_not_tracked_is_refused(tmp_path, capsys):
    run = evaluated_run(tmp_path / "runs")
    assert main([str(run.folder.path)]) == 2
    assert "was not tracked; start runs with --logging.wandb offline" in capsys.readouterr().err


def test_folder_that_is_no_run_is_refused(tmp_path, capsys):
    assert main([str(tmp_path)]) == 2
    assert "is not a run folder" in capsys.readouterr().err


def test_without_a_network_it_says_where_to_try_again(tmp_path, monkeypatch, capsys):
    run = evaluated_run(tmp_path / "runs")
    attempt = run.folder.path / "wandb" / "offline-run-20261121_120000-ab12cd34"
    attempt.mkdir(parents=True)
    (attempt / "run-ab12cd34.wandb").touch()
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    assert main([str(run.folder.path)]) == 2
    assert "does not answer; try again from a machine with a network" in capsys.readouterr().err
