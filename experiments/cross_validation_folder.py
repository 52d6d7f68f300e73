"""The folder of a cross-validation: its experiment, a run folder for each fold, what they found."""

import os
import secrets
from datetime import datetime
from pathlib import Path
from typing import Any, Self

import yaml
from pydantic import ValidationError

from datamodules.errors import ConfigError
from datamodules.whole_files import write_whole
from experiments.experiment import Experiment, as_yaml
from experiments.run_folder import RunFolder
from experiments.run_group import RunGroup


class CrossValidationFolder(RunGroup):
    """``cross_validation.yaml``, the folders ``fold-1``, ``fold-2`` ..., and their pooled results.

    Args:
        path: An existing folder; :meth:`create` makes one, :meth:`open` checks one.
    """

    verb = "cross_validate"

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.description_file = path / "cross_validation.yaml"
        self.metrics_file = path / "metrics.json"
        self.predictions_file = path / "predictions.csv"
        self.summary_file = path / "summary.md"

    @classmethod
    def create(cls, experiment: Experiment, folds: int, own_module: str | None = None) -> Self:
        """Make the folder, beside those of the experiments, with a run for each fold.

        Args:
            experiment: What the folds share.
            folds: How many.
            own_module: Class of a module that is not the one that the experiment names.
        """
        return cls.create_at(new_folder(f"{experiment.name}-cv"), experiment, folds, own_module)

    @classmethod
    def create_at(
        cls, path: Path, experiment: Experiment, folds: int, own_module: str | None = None
    ) -> Self:
        """As :meth:`create`, in an empty folder."""
        folder = cls(path)
        settings = experiment.model_dump(mode="json")
        content = {"folds": folds, "own_module": own_module, "experiment": settings}
        write_whole(folder.description_file, as_yaml(content, sort_keys=False))
        folder.complete()
        return folder

    @classmethod
    def open(cls, path: Path) -> Self:
        """The folder of an existing cross-validation; folds that are missing are made.

        Raises:
            ConfigError: If it is not one, or it is damaged.
        """
        folder = cls(path.expanduser().resolve())
        if not folder.description_file.is_file():
            raise ConfigError(f"{path} is no cross-validation (it has no cross_validation.yaml)")
        folder.complete()
        return folder

    @property
    def folds(self) -> int:
        """How many there are."""
        return int(self._content["folds"])

    @property
    def own_module(self) -> str | None:
        """Class of the module that is trained, where it is not the one of the experiment."""
        name: str | None = self._content["own_module"]
        return name

    def experiment(self) -> Experiment:
        """What the folds share."""
        try:
            return Experiment.model_validate(self._content["experiment"])
        except ValidationError as error:
            raise ConfigError(f"{self.description_file} is damaged: {error}") from error

    @property
    def runs(self) -> list[RunFolder]:
        """The run of each fold, the first fold's first."""
        return [RunFolder.open(self._place(fold)) for fold in range(1, self.folds + 1)]

    def about(self, run: RunFolder) -> str:
        """Which fold it holds out."""
        return f"fold {run.path.name.removeprefix('fold-')} is held out"

    def complete(self) -> None:
        """Make the run folders that are missing, as after a kill at the start."""
        experiment, folds = self.experiment(), self.folds
        places = [self._place(fold) for fold in range(1, folds + 1)]
        for fold, place in enumerate(places, start=1):
            if not (place / "status.json").is_file():
                RunFolder.create_at(place, fold_experiment(experiment, folds, fold, self.path.name))
        self.list_runs(places)

    def _place(self, fold: int) -> Path:
        return self.path / f"fold-{fold}"

    @property
    def _content(self) -> dict[str, Any]:
        try:
            text = self.description_file.read_text(encoding="utf-8")
            content: dict[str, Any] = dict(yaml.safe_load(text))
            int(content["folds"]), content["own_module"], content["experiment"]
        except (OSError, ValueError, TypeError, KeyError, yaml.YAMLError) as error:
            raise ConfigError(f"{self.description_file} is damaged: {error}") from error
        return content


def new_folder(name: str) -> Path:
    """Make an empty folder beside those of the experiments.

    Raises:
        ConfigError: If it cannot be made.
    """
    stamp = datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")
    root = Path(os.environ.get("LIGHTBOX_RUNS", "runs")).expanduser()
    path = root / f"{name}-{stamp}-{secrets.token_hex(2)}"
    try:
        path.mkdir(parents=True)
    except OSError as error:
        raise ConfigError(
            f"cannot make a folder in {root}: {error.strerror};"
            " set LIGHTBOX_RUNS to a folder that can be written"
        ) from error
    return path.resolve()


def fold_experiment(
    common: Experiment, folds: int, fold: int, group: str | None = None
) -> Experiment:
    """The experiment that holds one fold out: an ordinary one, that could be run by itself.

    Args:
        common: What the folds share.
        folds: How many.
        fold: Which, from 1 on.
        group: In Weights & Biases the runs of a cross-validation stand together under it.

    Raises:
        ConfigError: If there is no such fold.
    """
    try:
        split = common.data.split.replace(folds=folds, fold=fold)
    except ValidationError as error:
        raise ConfigError(f"--folds {folds}: a whole number from 2 to 100 is needed") from error
    logging = common.logging.replace(group=common.logging.group or group)
    return common.replace(data=common.data.replace(split=split), logging=logging)
