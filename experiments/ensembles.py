"""Several trained models of one kind, which are to predict together."""

import logging
from collections.abc import Callable
from pathlib import Path

from callbacks.checkpoint_files import BEST
from datamodules.errors import ConfigError
from experiments.trained import TrainedModel
from lightning_modules.base import TaskModule

log = logging.getLogger("lightbox")


def load_alike(
    source: Path, task: type[TaskModule], likeness: Callable[[TrainedModel], object]
) -> list[TrainedModel]:
    """Load a run folder, a checkpoint, or a folder of runs, which then predict together.

    Args:
        source: Where they lie.
        task: The module that each has to be.
        likeness: What has to be equal among them.

    Raises:
        CheckpointError: If one cannot be used.
        ConfigError: If there is none, one is of another task, or they were not trained alike.
    """
    models = []
    for path in checkpoints_of(source):
        model = TrainedModel.load(path)
        if not isinstance(model.module, task):
            raise ConfigError(f"{path} is no {task.__name__.lower()}")
        models.append(model)
    if any(likeness(model) != likeness(models[0]) for model in models[1:]):
        raise ConfigError(f"the runs in {source} were not trained alike, and cannot be joined")
    if len(models) > 1:
        log.info("%d models predict together", len(models))
    return models


def checkpoints_of(source: Path) -> list[Path]:
    """The best checkpoint of a run, or those of all runs in a folder.

    Raises:
        ConfigError: If there is none.
    """
    if source.is_file():
        return [source]
    if (own := source / "checkpoints" / BEST).is_file():
        return [own]
    if several := sorted(source.glob(f"*/checkpoints/{BEST}")):
        return several
    raise ConfigError(f"{source} holds no finished run")
