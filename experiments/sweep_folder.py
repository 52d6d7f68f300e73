"""The folder of a sweep: which runs belong to it, and in what they differ."""

import os
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Self

import yaml

from datamodules.errors import ConfigError
from datamodules.whole_files import write_whole
from experiments.run_folder import RunFolder
from experiments.run_group import RunGroup

Values = dict[str, Any]


class SweepFolder(RunGroup):
    """``sweep.yaml``, the list of its runs, and the summary.

    Args:
        path: An existing folder; :meth:`create` makes one, :meth:`open` checks one.
    """

    verb = "sweep"

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.sweep_file = path / "sweep.yaml"
        self.summary_file = path / "summary.json"

    @staticmethod
    def new_name(experiment: str) -> str:
        """A name that no other sweep has."""
        stamp = datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")
        return f"{experiment}-{stamp}-{secrets.token_hex(2)}"

    @classmethod
    def create(
        cls, name: str, experiment: str, varied: Sequence[Values], runs: Sequence[RunFolder]
    ) -> Self:
        """Make the folder, beside those of the experiments.

        Args:
            name: From :meth:`new_name`.
            experiment: Its name.
            varied: The settings of each run that differ, by their option without dashes.
            runs: As many.
        """
        root = Path(os.environ.get("LIGHTBOX_RUNS", "runs")).expanduser() / "sweeps"
        folder = cls((root / name).resolve())
        folder.path.mkdir(parents=True)
        folder.list_runs([run.path for run in runs])
        content = {"experiment": experiment, "varied": list(varied)}
        write_whole(folder.sweep_file, yaml.safe_dump(content, sort_keys=False))
        return folder

    @classmethod
    def open(cls, path: Path) -> Self:
        """The folder of an existing sweep.

        Raises:
            ConfigError: If it is not one.
        """
        folder = cls(path.expanduser().resolve())
        if not folder.sweep_file.is_file() or not folder.runs_file.is_file():
            raise ConfigError(f"{path} is no sweep (it has no sweep.yaml and runs.txt)")
        return folder

    @property
    def varied(self) -> list[Values]:
        """For each run the settings that differ."""
        found: list[Values] = self._content["varied"]
        return found

    @property
    def experiment(self) -> str:
        """Name of the experiment."""
        return str(self._content["experiment"])

    def about(self, run: RunFolder) -> str:
        """The settings of a run that differ."""
        paths = [each.path for each in self.runs]
        return as_text(self.varied[paths.index(run.path)])

    @property
    def _content(self) -> dict[str, Any]:
        content: dict[str, Any] = yaml.safe_load(self.sweep_file.read_text(encoding="utf-8"))
        return content


def as_text(values: Mapping[str, Any]) -> str:
    """Settings with their values, for a person."""
    return ", ".join(f"{name} {value}" for name, value in values.items())
