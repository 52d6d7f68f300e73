"""A cross-validation repeated with other divisions and other initial weights."""

import json
from pathlib import Path
from typing import Self

from datamodules.errors import ConfigError
from datamodules.whole_files import write_whole
from experiments.cross_validation_folder import CrossValidationFolder, new_folder
from experiments.experiment import Experiment
from experiments.run_folder import RunFolder
from experiments.run_group import RunGroup

MOST = 100


class RepeatedCrossValidation(RunGroup):
    """``repeats.json``, the folders ``repeat-1``, ``repeat-2`` ..., and what they found together.

    Each of them is a cross-validation of its own, whose seeds of the split and of the training are
    one higher than those of the one before.

    Args:
        path: An existing folder; :meth:`create` makes one, :meth:`open` checks one.
    """

    verb = "cross_validate"

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.description_file = path / "repeats.json"
        self.metrics_file = path / "metrics.json"
        self.summary_file = path / "summary.md"

    @classmethod
    def create(cls, experiment: Experiment, folds: int, repeats: int) -> Self:
        """Make the folder, with a cross-validation for each repeat.

        Args:
            experiment: What all runs share, but for the seeds.
            folds: Of each repeat.
            repeats: How many.

        Raises:
            ConfigError: If there cannot be so many.
        """
        if not 2 <= repeats <= MOST:
            raise ConfigError(f"--repeats {repeats}: a whole number from 2 to {MOST} is needed")
        folder = cls(new_folder(f"{experiment.name}-cv"))
        content = {"folds": folds, "repeats": repeats, "experiment": experiment.name}
        for number in range(1, repeats + 1):
            place = folder._place(number)
            place.mkdir()
            CrossValidationFolder.create_at(place, repeat_experiment(experiment, number), folds)
        folder.list_runs([run.path for each in folder._each(repeats) for run in each.runs])
        write_whole(folder.description_file, json.dumps(content) + "\n")  # last: now it is one
        return folder

    @classmethod
    def open(cls, path: Path) -> Self:
        """The folder of existing repeats.

        Raises:
            ConfigError: If it is not one.
        """
        folder = cls(path.expanduser().resolve())
        if not cls.is_at(folder.path):
            raise ConfigError(f"{path} holds no repeated cross-validation (it has no repeats.json)")
        return folder

    @classmethod
    def is_at(cls, path: Path) -> bool:
        """Whether a folder is one."""
        return cls(path.expanduser()).description_file.is_file()

    @property
    def repeats(self) -> list[CrossValidationFolder]:
        """The cross-validations."""
        return self._each(int(json.loads(self.description_file.read_text())["repeats"]))

    def about(self, run: RunFolder) -> str:
        """Which repeat it is of, and which fold it holds out."""
        repeat = run.path.parent.name.removeprefix("repeat-")
        return f"repeat {repeat}, fold {run.path.name.removeprefix('fold-')} is held out"

    def _each(self, repeats: int) -> list[CrossValidationFolder]:
        return [CrossValidationFolder.open(self._place(n)) for n in range(1, repeats + 1)]

    def _place(self, number: int) -> Path:
        return self.path / f"repeat-{number}"


def repeat_experiment(common: Experiment, number: int) -> Experiment:
    """The experiment of a repeat, from 1 on; that of the first is the common one."""
    split = common.data.split
    moved = common.data.replace(split=split.replace(seed=split.seed + number - 1))
    return common.replace(data=moved, seed=common.seed + number - 1)
