"""Faults that the settings of any task can have."""

from collections.abc import Collection
from pathlib import Path

from datamodules.errors import ConfigError
from experiments.suggestions import suggestion


def check_monitor(monitor: str, known: Collection[str]) -> None:
    """Look whether the monitored metric exists.

    Raises:
        ConfigError: If not.
    """
    if monitor not in known:
        raise ConfigError(f"--task.monitor: there is no '{monitor}'{suggestion(monitor, known)}")


def check_initial_weights(place: str | None) -> None:
    """Look whether the weights to start from are there.

    Raises:
        ConfigError: If not.
    """
    from callbacks.checkpoint_files import BEST

    if place is not None:
        source = Path(place)
        if not (source / "checkpoints" / BEST if source.is_dir() else source).is_file():
            raise ConfigError(f"--task.init-from: there is no checkpoint at {source}")
