"""A trained model scored on a dataset that it never saw."""

import logging
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError

from callbacks.predictions import write_predictions
from datamodules.configs.xrays import XraysConfig
from datamodules.errors import ConfigError
from datamodules.whole_files import write_whole
from datamodules.xrays import XraysData
from experiments.configs.trainer import TrainerConfig
from experiments.environment import revision
from experiments.experiment import Experiment
from experiments.fingerprint import OUTSIDE, judge_cases
from experiments.metrics_file import headline, metrics_text
from experiments.predictor import Predictor
from experiments.run_folder import RunFolder
from experiments.seen_cases import SeenCases
from experiments.setting_errors import explain
from experiments.tasks import build_data
from experiments.trainers import build_evaluator
from lightning_modules.metrics.intervals import Figure

log = logging.getLogger("lightbox")


def evaluate_external(folder: RunFolder, data: dict[str, Any], output: Path) -> None:
    """Score every case of a dataset with the best weights at their frozen operating point.

    Preprocessing is the checkpoint's; only the reader comes from ``data``. The opening is recorded
    in the run's ledger.

    Args:
        folder: A finished run.
        data: Values of data settings; ``reader`` is what counts.
        output: Receives metrics.json and predictions.csv, which says which cases are outside the
            training data, when the checkpoint knows what those are like.

    Raises:
        ConfigError: If ``data`` is not valid, or has cases that the run was trained on.
        DataError: If the dataset is not, or knows none of the model's labels.
    """
    predictor = Predictor.load(folder.path)
    experiment = _with_reader(predictor.experiment, data)
    if experiment.data.reader == folder.experiment().data.reader:
        raise ConfigError("this is the dataset that the run was trained on: it is not external")
    module = predictor.module
    cases = build_data(experiment, trained=module.data.to_dict())
    assert isinstance(cases, XraysData)
    seen = SeenCases.of(folder)
    seen.refuse_known(cases)
    cases.prepare(held_out=True)
    seen.refuse_copies(cases)
    for notice in cases.notices:
        log.info("note: %s", notice)
    folder.record_test_opening(by="evaluate", split=cases.table.name, revision=revision())
    trainer = build_evaluator(TrainerConfig())
    trainer.test(module, datamodule=cases, verbose=False)
    rows, point = module.rows["test"], predictor.operating_point
    figures = module.final_figures(rows, point, experiment.logging.bootstrap_samples)
    results = {name: figure.to_dict() for name, figure in figures.items()}
    outside = _outside(predictor, cases, trainer.strategy.root_device)
    write_predictions(
        output / "predictions.csv",
        [module.table_row(row, point) | outside.get(row["case_id"], {}) for row in rows],
    )
    if outside:
        results[OUTSIDE] = _share(outside, cases).to_dict()
    write_whole(
        output / "metrics.json", metrics_text({"external": results, "operating_point": point})
    )
    for line in headline(cases.table.name, results, module.headline):
        log.info(line)
    print(f"{len(rows)} cases: {output / 'metrics.json'}")


def _outside(
    predictor: Predictor, cases: XraysData, device: torch.device
) -> dict[str, dict[str, str]]:
    """By case id, the column on why a case is outside the training data; empty: not known."""
    if predictor.guard is None:
        return {}
    reasons = judge_cases(predictor.guard, predictor.module, cases, "test", device)
    return {case_id: {OUTSIDE: "; ".join(found)} for case_id, found in reasons.items()}


def _share(outside: dict[str, dict[str, str]], cases: XraysData) -> Figure:
    """Share of the cases that are outside the training data: counted, so without an interval."""
    count = sum(bool(columns[OUTSIDE]) for columns in outside.values())
    total = len(outside)
    log.info("%d of %d cases are outside the training data: see predictions.csv", count, total)
    patients = {case.patient_id for case in cases.table.cases if case.case_id in outside}
    return Figure(count / total, None, None, total, len(patients))


def _with_reader(experiment: Experiment, data: dict[str, Any]) -> Experiment:
    try:
        asked = XraysConfig.model_validate(data)
        return experiment.replace(
            data=experiment.data.replace(reader=asked.reader, workers=asked.workers)
        )
    except ValidationError as error:
        faults = "\n  ".join(explain(error, XraysConfig))
        raise ConfigError(f"the dataset's settings are not valid:\n  {faults}") from error
