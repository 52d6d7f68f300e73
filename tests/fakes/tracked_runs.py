"""Evaluated runs that were tracked with W&B, as a session leaves them."""

from pathlib import Path
from typing import Any, Literal

from fakes.evaluated_runs import EvaluatedRun, evaluated_run

from experiments.configs.logging import LoggingConfig
from experiments.figures.drawing import draw_run
from experiments.reporting.content import write_facts
from experiments.reporting.facts import collect
from experiments.wandb_results import finish, log_results
from experiments.wandb_tracking import build_loggers


def tracked_run(
    runs: Path,
    images: Literal["auto", "on", "off"] = "auto",
    mode: Literal["online", "offline"] = "offline",
    **settings: Any,
) -> EvaluatedRun:
    logging = LoggingConfig(wandb=mode, images=images)
    run = evaluated_run(runs, logging=logging, **settings)
    write_facts(run.folder, collect(run.module, run.data, run.folder, run.point))
    draw_run(run.module, run.data, run.folder, run.point)
    experiment = run.folder.experiment()
    loggers = build_loggers(experiment, run.folder, 1, mode)
    loggers[0].log_metrics({"train/loss": 0.5, "epoch": 3}, step=30)
    loggers[0].log_metrics({"val/log_loss": 0.3, "epoch": 3}, step=40)
    loggers[0].log_metrics({"val/log_loss": 0.4, "epoch": 4}, step=50)
    log_results(loggers, experiment, run.module, run.data, run.folder)
    finish(loggers)
    return run
