import stat

import pytest
from fakes.evaluated_runs import evaluated_run
from fakes.wandb_files import history, metrics, summary, wait_until_whole
from fakes.wandb_server import wandb_server

from datamodules.errors import ConfigError
from experiments.configs.logging import LoggingConfig
from experiments.wandb_results import finish
from experiments.wandb_tracking import build_loggers, choose_tracking, hashed_id

NOBODY = "http://127.0.0.1:9"


@pytest.fixture(autouse=True)
def machine_without_account(tmp_path, monkeypatch):
    for name in ("WANDB_API_KEY", "WANDB_MODE", "http_proxy", "https_proxy", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("WANDB_BASE_URL", NOBODY)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))


def logged(tmp_path, attempt=1, monitor="log_loss"):
    """The offline W&B run of an attempt that never came to its evaluation."""
    run = evaluated_run(tmp_path / str(attempt) / monitor)
    experiment = run.folder.experiment()
    experiment = experiment.replace(task=experiment.task.replace(monitor=monitor))
    loggers = build_loggers(experiment, run.folder, attempt, "offline")
    for step, value in ((10, 0.5), (20, 0.3), (30, 0.4)):
        loggers[0].log_metrics({f"val/{monitor}": value, "val/brier": value, "epoch": 1}, step)
    finish(loggers, exit_code=1)
    (folder,) = run.folder.path.glob("wandb/offline-run-*")
    wait_until_whole(folder)
    return folder


def test_without_a_key_nothing_is_tracked():
    assert choose_tracking(LoggingConfig()).mode == "off"


def test_with_a_key_but_no_network_it_is_tracked_offline(monkeypatch):
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    assert choose_tracking(LoggingConfig()).mode == "offline"


def test_with_a_key_and_a_server_that_answers_it_is_tracked_online(monkeypatch):
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    with wandb_server() as server:
        monkeypatch.setenv("WANDB_BASE_URL", server.url)
        assert choose_tracking(LoggingConfig()).mode == "online"


def test_key_of_wandb_login_is_found(tmp_path):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login user password 0123\n")
    (tmp_path / "netrc").chmod(0o600)
    assert choose_tracking(LoggingConfig()).mode == "offline"


def test_what_is_demanded_and_cannot_be_had_is_refused(monkeypatch):
    with pytest.raises(ConfigError, match="no API key; run `wandb login`"):
        choose_tracking(LoggingConfig(wandb="online"))
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    with pytest.raises(ConfigError, match=f"{NOBODY} does not answer; use --logging.wandb offline"):
        choose_tracking(LoggingConfig(wandb="online"))


def test_everything_stands_over_the_optimizer_steps_and_counters_have_no_panel(tmp_path):
    found = metrics(logged(tmp_path))
    assert found["*"].step_metric == found["val/log_loss"].step_metric == "trainer/global_step"
    assert {name for name, metric in found.items() if metric.options.hidden} == {
        *("trainer/global_step", "epoch", "attempt")
    }


@pytest.mark.parametrize(("monitor", "best"), [("log_loss", {"min": 0.3}), ("auroc", {"max": 0.5})])
def test_summary_of_a_run_that_stopped_has_its_best_validation(tmp_path, monitor, best):
    found = summary(logged(tmp_path, monitor=monitor))
    assert found[f"val/{monitor}"] == best
    assert found["val/brier"] == 0.4


def test_second_attempt_goes_on_in_the_count_of_wandb(tmp_path):
    rows = history(logged(tmp_path, attempt=2))
    assert [row["_step"] for row in rows] == [1_000_000, 1_000_001, 1_000_002, 1_000_003]
    assert [row["trainer/global_step"] for row in rows] == [80, 10, 20, 30]


def test_ids_are_hashed_under_a_key_that_only_its_owner_reads(tmp_path):
    first = hashed_id("case-1")
    assert first == hashed_id("case-1") != hashed_id("case-2")
    key = tmp_path / "settings" / "lightbox" / "case-id.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    key.unlink()
    assert hashed_id("case-1") != first
