"""A trained model scored on a dataset that it never saw."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from callbacks.checkpoint_files import BEST
from callbacks.predictions import write_predictions
from datamodules.base import TaskDataModule
from datamodules.errors import ConfigError
from datamodules.whole_files import write_whole
from experiments.configs.trainer import TrainerConfig
from experiments.environment import revision
from experiments.experiment import Experiment
from experiments.fingerprint import OUTSIDE
from experiments.metrics_file import headline, metrics_text
from experiments.run_folder import RunFolder
from experiments.seen_cases import SeenCases
from experiments.setting_errors import explain
from experiments.tasks import build_data, kind_of
from experiments.trained import TrainedModel
from experiments.trainers import build_evaluator
from lightning_modules.metrics.intervals import Figure

log = logging.getLogger("lightbox")

Reasons = Mapping[str, Sequence[str]]
"""By case id, why a case is outside the training data; none: it is not."""


def evaluate_external(folder: RunFolder, data: dict[str, Any], output: Path) -> None:
    """Score every case of a dataset with the best weights at their frozen operating point.

    Preprocessing is the checkpoint's; only the reader and what goes with it comes from ``data``.
    The opening is recorded in the run's ledger.

    Args:
        folder: A finished run.
        data: Values of data settings; those of ``DataSettings.of_dataset`` count.
        output: Receives metrics.json and predictions.csv, which says which cases are outside the
            training data, when the checkpoint knows what those are like.

    Raises:
        CheckpointError: If the run is not finished, or its checkpoint cannot be used.
        ConfigError: If ``data`` is not valid, or has cases that the run was trained on.
        DataError: If the dataset is not, knows nothing of what the model predicts, or has images of
            another kind.
    """
    model = TrainedModel.load(folder.checkpoints / BEST)
    experiment = _on_dataset(model.experiment, data)
    if experiment.data.reader == folder.experiment().data.reader:
        raise ConfigError("this is the dataset that the run was trained on: it is not external")
    cases = build_data(experiment, trained=dict(model.facts["data"]))
    _prepare(cases, SeenCases.of(folder))
    folder.record_test_opening(by="evaluate", split=cases.table.name, revision=revision())
    build_evaluator(TrainerConfig()).test(model.module, datamodule=cases, verbose=False)
    outside = kind_of(experiment).judge_inputs(model, cases)
    _write(model, cases, outside, output)


def _on_dataset(experiment: Experiment, data: dict[str, Any]) -> Experiment:
    """The experiment, with another dataset in the place of its own."""
    own = experiment.data
    if (kind := data.get("kind", own.kind)) != own.kind:
        raise ConfigError(
            f"the file describes {kind}, and this model ({experiment.task.kind}) takes {own.kind}"
        )
    try:
        asked = type(own).model_validate(data)
        changes = {name: getattr(asked, name) for name in own.of_dataset}
        return experiment.replace(data=own.replace(**changes))
    except ValidationError as error:
        faults = "\n  ".join(explain(error, type(own)))
        raise ConfigError(f"the dataset's settings are not valid:\n  {faults}") from error


def _prepare(cases: TaskDataModule, seen: SeenCases) -> None:
    seen.refuse_known(cases)
    cases.prepare(held_out=True)
    cases.notices += seen.refuse_copies(cases)
    for notice in cases.notices:
        log.info("note: %s", notice)


def _write(
    model: TrainedModel, cases: TaskDataModule, outside: Reasons | None, output: Path
) -> None:
    module, rows = model.module, model.module.rows["test"]
    point = module.operating_point
    figures = module.final_figures(rows, point, model.experiment.logging.bootstrap_samples)
    results = {name: figure.to_dict() for name, figure in figures.items()}
    table = [module.table_row(row, point) for row in rows]
    if outside is not None:
        table = [row | {OUTSIDE: "; ".join(outside[row["case_id"]])} for row in table]
        results[OUTSIDE] = _share(outside, cases).to_dict()
    write_predictions(output / "predictions.csv", table)
    content = {"external": results, "notices": list(cases.notices), "operating_point": point}
    write_whole(output / "metrics.json", metrics_text(content))
    for line in headline(cases.table.name, results, module.headline):
        log.info(line)
    print(f"{len(rows)} cases: {output / 'metrics.json'}")


def _share(outside: Reasons, cases: TaskDataModule) -> Figure:
    """Share of the cases that are outside the training data: counted, so without an interval."""
    count, total = sum(map(bool, outside.values())), len(outside)
    log.info("%d of %d cases are outside the training data: see predictions.csv", count, total)
    patients = {case.patient_id for case in cases.table.cases if case.case_id in outside}
    return Figure(count / total, None, None, total, len(patients))
