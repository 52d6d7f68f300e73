"""What a cross-validation found: pooled figures with intervals, and mean and spread over folds."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from callbacks.checkpoint_files import BEST, read_checkpoint
from callbacks.predictions import write_predictions
from datamodules.whole_files import write_whole
from experiments.cross_validation_folder import CrossValidationFolder
from experiments.metrics_file import headline
from experiments.out_of_fold import check_folds, pooled_predictions, pooled_rows
from experiments.run_folder import RunFolder
from experiments.run_table import Spread, as_csv, failures, run_row, spread_of, spread_text
from experiments.tasks import rebuild_module
from lightning_modules.base import TaskModule

Figures = Mapping[str, Mapping[str, Any]]

RANKINGS = ("auroc", "average_precision")
POOLED = "out-of-fold"


def summarise(folder: CrossValidationFolder, module: TaskModule | None = None) -> str:
    """Write what the finished folds found; returns what a person reads first.

    Args:
        folder: The cross-validation, finished or not.
        module: Of the task, with any weights; None: that of the first fold's checkpoint.

    Raises:
        DataError: If the folds are not a division of one dataset.
    """
    runs = folder.runs
    rows = [run_row(run, {"fold": number}) for number, run in enumerate(runs, start=1)]
    write_whole(folder.summary_table, as_csv(rows))
    done = [run for run in runs if run.status()["state"] == "finished"]
    lines = [f"{len(done)} of {len(runs)} folds are finished", *failures(rows)]
    if not done:
        return "\n".join([*lines, f"table: {folder.summary_table}"])
    check_folds(done, complete=len(done) == len(runs))
    if module is None:
        module = rebuild_module(read_checkpoint(done[0].checkpoints / BEST))
    samples = folder.experiment().logging.bootstrap_samples
    found = module.final_figures(pooled_rows(done, module), {}, samples)
    pooled = {name: figure.to_dict() for name, figure in found.items()}
    spreads = over_folds(done, pooled)
    _write_results(folder, done, pooled, spreads)
    names = [name for name in module.headline if name in pooled] or list(pooled)
    write_whole(folder.summary_file, "\n".join(_page(folder, done, pooled, spreads, names)) + "\n")
    means = ", ".join(f"{n} {spread_text(spreads[n])}" for n in names if spreads[n]["n"])
    lines = [*headline(POOLED, pooled, names), f"over folds: {means}", *lines]
    return "\n".join([*lines, f"summary: {folder.summary_file}"])


def over_folds(folds: Sequence[RunFolder], names: Iterable[str]) -> dict[str, Spread]:
    """Mean and standard deviation of each figure over the folds in which it is defined."""
    found: list[Figures] = [run.metrics()["test"] for run in folds]
    values = {name: [each[name]["value"] for each in found if name in each] for name in names}
    return {name: spread_of([v for v in own if v is not None]) for name, own in values.items()}


def _write_results(
    folder: CrossValidationFolder,
    folds: Sequence[RunFolder],
    pooled: Figures,
    spreads: Mapping[str, Spread],
) -> None:
    write_predictions(folder.predictions_file, list(pooled_predictions(folds)))
    each = {run.path.name: run.metrics() for run in folds}
    content = {
        "folds": folder.folds,
        "finished": len(folds),
        "pooled": pooled,
        "over_folds": spreads,
        "each_fold": {
            name: {key: metrics[key] for key in ("test", "operating_point")}
            for name, metrics in each.items()
        },
    }
    write_whole(folder.metrics_file, json.dumps(content, indent=1, allow_nan=False) + "\n")


def _page(
    folder: CrossValidationFolder,
    folds: Sequence[RunFolder],
    pooled: Figures,
    spreads: Mapping[str, Spread],
    names: Sequence[str],
) -> Iterator[str]:
    """summary.md."""
    yield f"# Cross-validation of {folder.experiment().name}: {folder.folds} folds"
    yield ""
    if len(folds) < folder.folds:
        yield f"Not complete: {len(folds)} of {folder.folds} folds are finished."
        yield ""
    yield (
        "Patients are divided into folds. Each fold is scored once, by a model that was trained on"
        " the others; its weights and its operating point were chosen on a part of the others that"
        " it was not trained on."
    )
    yield ""
    yield "| figure | pooled | 95 % interval | cases | patients | mean \u00b1 SD over folds |"
    yield "|---|---|---|---|---|---|"
    for name in with_each_label(names, pooled):
        yield f"| {name} | {' | '.join(_cells(pooled[name]))} | {spread_text(spreads[name])} |"
    yield ""
    yield (
        "Pooled figures are computed once from all cases, each at its own model's operating point;"
        " intervals resample patients, and leave out how training runs differ."
    )
    if any(name in pooled for name in RANKINGS):
        yield (
            "Pooled rankings (auroc, average_precision) compare scores of different models, which"
            " the mean over folds does not."
        )
    yield ""
    yield f"| fold | cases | {' | '.join(names)} |"
    yield "|---|---|" + "---|" * len(names)
    for run in folds:
        figures = run.metrics()["test"]
        cases = max((figure["cases"] for figure in figures.values()), default=0)
        yield f"| {run.path.name} | {cases} | {' | '.join(_value(figures, n) for n in names)} |"


def with_each_label(names: Sequence[str], figures: Iterable[str]) -> list[str]:
    """Names of figures, the first of them also for each label or structure that has its own."""
    first, *others = names
    return [first, *(name for name in figures if name.startswith(f"{first}/")), *others]


def _cells(figure: Mapping[str, Any]) -> Iterator[str]:
    yield "undefined" if figure["value"] is None else f"{figure['value']:.3f}"
    yield "" if figure["low"] is None else f"{figure['low']:.3f} to {figure['high']:.3f}"
    yield str(figure["cases"])
    yield str(figure["patients"])


def _value(figures: Figures, name: str) -> str:
    value = figures.get(name, {"value": None})["value"]
    return "undefined" if value is None else f"{value:.3f}"
