"""Weights & Biases: whether, how, and what it may see. Decided before any data is loaded."""

import hashlib
import hmac
import logging
import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from pytorch_lightning.loggers import Logger

from callbacks.metrics_log import last_step
from datamodules.errors import ConfigError
from experiments.configs.logging import LoggingConfig
from experiments.experiment import Experiment
from experiments.run_folder import RunFolder
from experiments.wandb_access import PROGRAM, check_reachable, has_key, server_answers
from lightning_modules.metrics.directions import lower_is_better

if TYPE_CHECKING:
    from wandb.sdk.wandb_run import Run

log = logging.getLogger("lightbox")

Mode = Literal["online", "offline", "off"]
INIT_SECONDS = 20.0
FINISH_SECONDS = 25.0
"""What a server that no longer answers may cost, with the probe before it: half a minute."""
STEP = "trainer/global_step"
STEPS_AN_ATTEMPT = 1_000_000
"""W&B's own count starts here times the attempts before; our steps are in ``STEP``."""


class Tracking(NamedTuple):
    """Whether W&B is used, and why."""

    mode: Mode
    reason: str


def choose_tracking(config: LoggingConfig) -> Tracking:
    """Decide on W&B; never waits for a network that is not there.

    Raises:
        ConfigError: If ``online`` is demanded and cannot be had.
    """
    match config.wandb:
        case "off" | "offline":
            return Tracking(config.wandb, "as asked")
        case "online":
            return _demanded()
        case "auto":
            return _automatic()


def _demanded() -> Tracking:
    check_reachable(
        "--logging.wandb online", "use --logging.wandb offline, and `lightbox sync` later"
    )
    return Tracking("online", "as asked")


def _automatic() -> Tracking:
    match os.environ.get("WANDB_MODE"):
        case "disabled":
            return Tracking("off", "WANDB_MODE is disabled")
        case "offline":
            return Tracking("offline", "WANDB_MODE is offline")
    if not has_key():
        return Tracking("off", "no API key; local files are complete")
    if not server_answers():
        return Tracking("offline", "a key, but its server does not answer")
    return Tracking("online", "a key, and its server answers")


def build_loggers(
    experiment: Experiment, folder: RunFolder, attempt: int, mode: Mode
) -> list[Logger]:
    """Lightning's W&B logger under the run's own id, or none.

    W&B sees no absolute path, command line, host or code: only the configuration without local
    paths, metrics, and what the figures show.
    """
    if mode == "off":
        return []
    import wandb
    from pytorch_lightning.loggers import WandbLogger
    from wandb.errors import Error

    try:
        run = _begin(experiment, folder, mode)
    except Error as error:
        if experiment.logging.wandb == "online":
            raise ConfigError(f"--logging.wandb online: {error}") from error
        log.warning("Weights & Biases cannot be reached (%s); going on offline", error)
        wandb.teardown(exit_code=1)  # it still holds the run's id
        run = _begin(experiment, folder, "offline")
    _define_metrics(run, experiment.task.monitor)
    if attempt > 1:
        _continue_steps(run, folder, attempt)
    return [WandbLogger(experiment=run)]


def _begin(experiment: Experiment, folder: RunFolder, mode: Literal["online", "offline"]) -> "Run":
    import wandb

    config = experiment.logging
    return wandb.init(
        project=config.project,
        entity=config.entity,
        name=folder.name,
        id=folder.status()["wandb_id"],
        resume="allow",
        dir=folder.path,
        mode=mode,
        group=config.group or experiment.name,
        job_type="train",
        tags=list(config.tags),
        config=experiment.public(),
        settings=wandb.Settings(
            init_timeout=INIT_SECONDS,
            silent=True,
            console="off",
            host="",
            program=PROGRAM,
            disable_code=True,
            disable_git=True,
            x_disable_meta=True,
            x_disable_machine_info=True,
            x_save_requirements=False,
            finish_timeout=FINISH_SECONDS,
            finish_timeout_raises=True,
        ),
    )


def _define_metrics(run: "Run", monitored: str) -> None:
    """Everything over the optimizer steps; counters get no panels; the best validation so far."""
    for counter in (STEP, "epoch", "attempt"):
        run.define_metric(counter, hidden=True)
    run.define_metric("*", step_metric=STEP, step_sync=True)
    best = "min" if lower_is_better(monitored) else "max"
    run.define_metric(f"val/{monitored}", step_metric=STEP, step_sync=True, summary=best)


def _continue_steps(run: "Run", folder: RunFolder, attempt: int) -> None:
    """Offline, W&B counts a new attempt from step 0 unless it is told once to be further on."""
    last = last_step(folder.metrics_log)
    run.log({"attempt": attempt, STEP: last}, step=STEPS_AN_ATTEMPT * (attempt - 1), commit=True)


def hashed_id(case_id: str) -> str:
    """A name for a case that only this machine's key can connect to it (HMAC-SHA256)."""
    return hmac.new(_local_key(), case_id.encode(), hashlib.sha256).hexdigest()[:16]


def _local_key() -> bytes:
    path = (
        Path(os.environ.get("XDG_CONFIG_HOME", "~/.config")).expanduser()
        / "lightbox"
        / "case-id.key"
    )
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f"{path.name}.{os.getpid()}")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(32))
        try:
            os.link(temporary, path)
        except FileExistsError:
            log.debug("another process made the key first")
        temporary.unlink()
    return path.read_bytes()
