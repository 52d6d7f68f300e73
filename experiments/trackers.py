"""TensorBoard, MLflow and CSV beside metrics.jsonl, through Lightning's own loggers."""

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from typing import Any

from pytorch_lightning.loggers import CSVLogger, Logger, MLFlowLogger, TensorBoardLogger

from callbacks.metrics_log import last_step
from datamodules.errors import ConfigError
from experiments.configs.logging import LoggingConfig
from experiments.experiment import Experiment
from experiments.run_folder import RunFolder
from experiments.wandb_access import PROGRAM

log = logging.getLogger("lightbox")

PATIENCE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2", "MLFLOW_HTTP_REQUEST_TIMEOUT": "10"}
ANONYMOUS = {"mlflow.user": PROGRAM, "mlflow.source.name": PROGRAM}
"""Of itself MLflow would send the user's name, and the path of the script."""
MLFLOW_RUN = "mlflow_run"
"""Where status.json keeps MLflow's own id of the run."""


def check_trackers(config: LoggingConfig) -> None:
    """See that the packages of the trackers that are asked for are installed.

    Raises:
        ConfigError: If one is not; says how to install it.
    """
    for option, module, wanted in (
        ("tensorboard", "tensorboard", config.tensorboard),
        ("mlflow", "mlflow", config.mlflow is not None),
    ):
        if wanted and find_spec(module) is None:
            raise ConfigError(
                f"--logging.{option} needs a package that is not installed:"
                ' pip install -c constraints.txt -e ".[trackers]"'
            )


def build_trackers(experiment: Experiment, folder: RunFolder, attempt: int) -> list[Logger]:
    """The loggers that are asked for; each goes on where the run's last attempt has ended.

    Args:
        experiment: Settings.
        folder: The run.
        attempt: From 1.

    Raises:
        ConfigError: If MLflow's server does not answer as it should.
    """
    config = experiment.logging
    loggers: list[Logger] = []
    if config.csv:  # Lightning's rewrites the file at a start, so each attempt has its own
        loggers.append(
            CSVLogger(folder.path, "csv", f"attempt-{attempt}", flush_logs_every_n_steps=1)
        )
    if config.tensorboard:
        after = last_step(folder.metrics_log) + 1
        loggers.append(TensorBoardLogger(folder.path, "tensorboard", "", purge_step=after))
    if config.mlflow is not None:
        loggers.append(_mlflow(experiment, folder, config.mlflow))
    return loggers


def _mlflow(experiment: Experiment, folder: RunFolder, uri: str) -> Logger:
    """One MLflow run for all attempts; its id is kept in the run folder."""
    from mlflow.exceptions import MlflowException

    known = folder.status().get(MLFLOW_RUN)
    try:
        logger = TolerantMLflow(
            experiment_name=experiment.logging.project,
            run_name=folder.name,
            tracking_uri=uri,
            run_id=known,
            tags={
                **dict.fromkeys(experiment.logging.tags, "true"),
                "experiment": experiment.name,
                **ANONYMOUS,
            },
        )
        if known is None:
            folder.update_status(**{MLFLOW_RUN: logger.run_id})
            logger.log_hyperparams(experiment.public())
        else:
            logger.experiment.update_run(known, status="RUNNING")
    except (MlflowException, OSError) as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(f"--logging.mlflow {uri}: {reason}") from error
    return logger


class TolerantMLflow(MLFlowLogger):
    """MLflow's logger, without which training goes on when the server goes away.

    Left to itself MLflow would try again for minutes at each value.
    """

    gone = False

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - of MLFlowLogger
        for name, value in PATIENCE.items():
            os.environ.setdefault(name, value)
        super().__init__(**options)

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Log values, unless the server has gone away."""
        self._if_there(super().log_metrics, metrics, step)

    def finalize(self, status: str = "success") -> None:
        """Say how it ended, unless the server has gone away."""
        self._if_there(super().finalize, status)

    def _if_there(self, call: Callable[..., object], *arguments: object) -> None:
        from mlflow.exceptions import MlflowException

        if self.gone:
            return
        try:
            call(*arguments)
        except (MlflowException, OSError) as error:
            self.gone = True
            reason = str(error).splitlines()[0]
            log.warning("MLflow lacks what follows: %s; local files are complete", reason)


def log_final_figures(
    loggers: Sequence[Logger], results: Mapping[str, Mapping[str, Any]], step: int
) -> None:
    """The final figures and their intervals, as further values at the last step."""
    values = {
        f"{split}/{name}{end}": figure[key]
        for split in ("val", "test")
        for name, figure in results.get(split, {}).items()
        for key, end in (("value", ""), ("low", "_low"), ("high", "_high"))
        if figure[key] is not None
    }
    for logger in loggers:
        if isinstance(logger, CSVLogger | TensorBoardLogger | MLFlowLogger):
            final = {f"final/{_spelt(logger, name)}": value for name, value in values.items()}
            logger.log_metrics(final, step)
            logger.finalize("success")


def _spelt(logger: Logger, name: str) -> str:
    """MLflow's names have no @."""
    return name.replace("@", "_at_") if isinstance(logger, MLFlowLogger) else name
