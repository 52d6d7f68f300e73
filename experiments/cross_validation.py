"""Cross-validation: an experiment once for each fold, everything but the score chosen inside."""

from collections.abc import Callable, Sequence
from typing import Literal, overload

import pytorch_lightning as pl

from datamodules.base import TaskDataModule
from datamodules.errors import ConfigError
from datamodules.folds import fold_notices
from experiments.cross_validation_folder import CrossValidationFolder, fold_experiment
from experiments.cross_validation_summary import summarise
from experiments.experiment import Experiment
from experiments.repeated_cross_validation import RepeatedCrossValidation
from experiments.run_log import logged_to
from experiments.session import resume
from experiments.tasks import checked_data
from lightning_modules.base import TaskModule

Build = Callable[[Experiment], tuple[TaskModule, TaskDataModule]]
"""From the experiment of a fold to a module and a datamodule of one's own, both new."""


def cross_validate(
    experiment: Experiment,
    folds: int = 5,
    build: Build | None = None,
    callbacks: Sequence[pl.Callback] = (),
) -> CrossValidationFolder:
    """Train and score an experiment once for each fold, and pool what was held out.

    Args:
        experiment: What the folds share.
        folds: How many.
        build: Makes a module and a datamodule of your own, in place of those that the experiment
            names; called once for each fold, and once for the summary.
        callbacks: Lightning callbacks of your own.

    Returns:
        The folder, with everything in it.

    Raises:
        LightboxError: Anything that the user can mend. What can be seen without training leaves no
            folder behind; after that :func:`go_on` does the rest.
    """
    folder = create(experiment, folds, build)
    go_on(folder, build, callbacks)
    return folder


@overload
def create(
    experiment: Experiment, folds: int, build: Build | None = None, *, repeats: Literal[1] = 1
) -> CrossValidationFolder: ...
@overload
def create(
    experiment: Experiment, folds: int, build: Build | None = None, *, repeats: int
) -> CrossValidationFolder | RepeatedCrossValidation: ...
def create(
    experiment: Experiment, folds: int, build: Build | None = None, *, repeats: int = 1
) -> CrossValidationFolder | RepeatedCrossValidation:
    """Look whether the folds can be drawn, then make a folder for each of them.

    Args:
        experiment: What the folds share.
        folds: How many.
        build: As for :func:`cross_validate`.
        repeats: How often all of it is done; more than once only what an experiment names.

    Raises:
        ConfigError: If the test split is to stay closed, or a setting is wrong.
        DataError: If the dataset is not as it should be, or has too few patients.
    """
    if not experiment.score_test:
        raise ConfigError("a cross-validation scores each fold: --score-test False ends it")
    first = fold_experiment(experiment, folds, 1)
    own_module = None
    with logged_to(None):
        if build is None:
            data = checked_data(first)
        else:
            module, data = _built(build, first)
            data.check()
            own_module = type(module).__name__
    closed = sum(case.split == "test" for case in data.table.cases) * first.data.split.official
    for notice in fold_notices(first.data.split, closed)[1:]:
        print(f"note: {notice}")
    plain = experiment.data.split.replace(folds=None, fold=None)
    shared = experiment.replace(data=experiment.data.replace(split=plain))
    folder: CrossValidationFolder | RepeatedCrossValidation
    if repeats == 1:
        folder = CrossValidationFolder.create(shared, folds, own_module)
    else:
        folder = RepeatedCrossValidation.create(shared, folds, repeats)
    print(f"cross-validation: {folder.path}", flush=True)
    return folder


def go_on(
    folder: CrossValidationFolder,
    build: Build | None = None,
    callbacks: Sequence[pl.Callback] = (),
) -> None:
    """Go on with the folds that are not finished, in this process, and sum them all up.

    Args:
        folder: The cross-validation.
        build: As for :func:`cross_validate`; it must build what it built then.
        callbacks: As for :func:`cross_validate`.

    Raises:
        ConfigError: If the folds take several processes each, or a module of your own is missing.
        LightboxError: As for a run.
    """
    trainer = folder.experiment().trainer
    if build is None and folder.own_module is not None:
        raise ConfigError(f"these folds train {folder.own_module}: go on with what builds it")
    if trainer.devices * trainer.nodes > 1:
        raise ConfigError(
            "runs of several processes cannot follow one another in one: use the command"
            " python -m experiments.cross_validate, or resume each fold by itself"
        )
    runs = folder.runs
    for number, run in enumerate(runs, start=1):
        if run.status()["state"] != "finished":
            print(f"run {number} of {len(runs)}: {folder.about(run)}", flush=True)
            module, data = _built(build, run.experiment()) if build else (None, None)
            resume(run, module=module, data=data, callbacks=callbacks)
    print(summarise(folder, None if build is None else build(runs[0].experiment())[0]))


def _built(build: Build, experiment: Experiment) -> tuple[TaskModule, TaskDataModule]:
    """A module and a datamodule of one's own for a fold.

    Raises:
        ConfigError: If the datamodule would not hold the fold out.
    """
    module, data = build(experiment)
    if data.config.split != experiment.data.split:
        raise ConfigError(
            f"{type(data).__name__} does not divide as the experiment of its fold says: build it"
            " with experiment.data.split"
        )
    return module, data
