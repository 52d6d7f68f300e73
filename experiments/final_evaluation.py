"""The final evaluation: best weights, operating point from validation, then test, once."""

import logging
import sys
from collections.abc import Sequence
from typing import Any

import pytorch_lightning as pl

from callbacks.checkpoint_files import BEST, read_checkpoint, write_checkpoint
from callbacks.metrics_log import last_step
from callbacks.predictions import write_predictions
from callbacks.provenance import KEY
from datamodules.base import TaskDataModule
from datamodules.whole_files import write_whole
from experiments.attempt import Attempt
from experiments.baselines.comparison import baseline_lines, compare_with_baselines
from experiments.environment import revision
from experiments.experiment import Experiment
from experiments.figures.drawing import draw_run
from experiments.fingerprint import GUARD, guard_facts, take_fingerprint
from experiments.metrics_file import headline, metrics_text
from experiments.reporting.content import write_facts
from experiments.reporting.facts import collect
from experiments.reporting.page import write_report
from experiments.rows_file import write_rows
from experiments.run_folder import RunFolder
from experiments.trackers import log_final_figures
from experiments.trainers import build_evaluator
from experiments.wandb_results import log_results
from lightning_modules.base import TaskModule

log = logging.getLogger("lightbox")


def evaluate_run(
    experiment: Experiment,
    module: TaskModule,
    data: TaskDataModule,
    attempt: Attempt,
    loggers: Sequence[Any],
) -> None:
    """Score validation and test with the best weights, and write everything a person looks at.

    Every process of a ddp run takes part in scoring; the leading one writes.
    """
    folder = attempt.folder
    checkpoint = read_checkpoint(folder.checkpoints / BEST)
    module.load_state_dict(checkpoint["state_dict"])
    trainer = build_evaluator(experiment.trainer, attempt)
    operating_point = _choose_operating_point(trainer, module, data)
    if trainer.is_global_zero:
        guard = take_fingerprint(module, data, trainer.strategy.root_device)
        freeze(checkpoint, folder, {"operating_point": operating_point, GUARD: guard_facts(guard)})
    opened = experiment.score_test and data.indices("test")
    splits = ["val", "test"] if opened else ["val"]
    if "test" in splits:
        if trainer.is_global_zero:
            folder.record_test_opening(
                by="run", attempt=attempt.number, split="test", revision=revision()
            )
        trainer.test(module, datamodule=data, verbose=False)
    attempt.watch.let_go()  # from here on the leading process needs nobody
    if trainer.is_global_zero:
        samples = experiment.logging.bootstrap_samples
        results = _write_results(module, data, folder, splits, operating_point, samples)
        module.to(trainer.strategy.root_device)  # Lightning has taken it from there
        draw_run(module, data, folder, operating_point)
        write_facts(folder, collect(module, data, folder, operating_point))
        write_report(folder)
        log_results(loggers, experiment, module, data, folder)
        log_final_figures(loggers, results, last_step(folder.metrics_log))
        split = splits[-1]
        for line in headline(split, results[split], module.headline):
            log.info(line)
        for line in baseline_lines(split, results.get("baselines", {})):
            log.info(line)
        print(f"report: {folder.report_file}", file=sys.stderr)


def _choose_operating_point(
    trainer: pl.Trainer, module: TaskModule, data: TaskDataModule
) -> dict[str, Any]:
    """Score validation and choose; again where the choice changes what is predicted."""
    module.operating_point = {}
    while True:
        trainer.validate(module, datamodule=data, verbose=False)
        chosen = module.choose_operating_point(module.rows["val"])
        settled = chosen == module.operating_point or not module.rows_follow_operating_point
        module.operating_point = chosen
        if settled:
            return chosen


def _write_results(
    module: TaskModule,
    data: TaskDataModule,
    folder: RunFolder,
    splits: Sequence[str],
    operating_point: dict[str, Any],
    samples: int,
) -> dict[str, Any]:
    results: dict[str, Any] = {"operating_point": operating_point}
    for split in splits:
        rows = module.rows[split]
        found = module.final_figures(rows, operating_point, samples)
        results[split] = {name: figure.to_dict() for name, figure in found.items()}
        table = [module.table_row(row, operating_point) for row in rows]
        write_predictions(folder.predictions / f"{split}.csv", table)
        write_rows(folder.rows / f"{split}.json", rows)
    if baselines := compare_with_baselines(module, data, samples):
        results["baselines"] = baselines
    write_whole(folder.metrics_file, metrics_text(results))
    return results


def freeze(checkpoint: dict[str, Any], folder: RunFolder, facts: dict[str, Any]) -> None:
    """Keep with the weights what was chosen for them: operating point, fingerprint."""
    checkpoint[KEY] = {**checkpoint[KEY], **facts}
    write_checkpoint(checkpoint, folder.checkpoints / BEST)
