"""What a repeated cross-validation found: mean and spread over folds, and over repeats."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from datamodules.whole_files import write_whole
from experiments.cross_validation_summary import over_folds, summarise, with_each_label
from experiments.repeated_cross_validation import RepeatedCrossValidation
from experiments.run_table import Spread, as_csv, run_row, spread_of, spread_text


def summarise_repeats(folder: RepeatedCrossValidation) -> str:
    """Write what the finished folds of all repeats found; returns what a person reads first."""
    rows: list[dict[str, Any]] = []
    done, complete = [], []
    for number, each in enumerate(folder.repeats, start=1):
        runs = each.runs
        finished = [run for run in runs if run.status()["state"] == "finished"]
        for fold, run in enumerate(runs, 1):
            rows.append(run_row(run, {"repeat": number, "fold": fold}))
        done += finished
        if len(finished) == len(runs):
            summarise(each)
            complete.append(json.loads(each.metrics_file.read_text()))
    write_whole(folder.summary_table, as_csv(rows))
    lines = [f"{len(done)} of {len(rows)} runs are finished, {len(complete)} repeats whole"]
    if not complete:
        return "\n".join([*lines, f"table: {folder.summary_table}"])
    names = list(complete[0]["pooled"])
    folds = over_folds(done, names)
    repeats = {name: _over_repeats(name, complete) for name in names}
    content = {"repeats": len(complete), "over_folds": folds, "over_repeats": repeats}
    write_whole(folder.metrics_file, json.dumps(content, indent=1, allow_nan=False) + "\n")
    shown = with_each_label([name for name in _headline(folder) if name in names], names)
    write_whole(folder.summary_file, "\n".join(_page(folder, shown, folds, repeats)) + "\n")
    told = [f"{n} {spread_text(folds[n])} over folds" for n in shown if folds[n]["n"]]
    return "\n".join([*told, *lines, f"summary: {folder.summary_file}"])


def _over_repeats(name: str, complete: Sequence[Mapping[str, Any]]) -> Spread:
    """Mean and deviation over repeats of the mean over the folds of each."""
    means = [each["over_folds"][name]["mean"] for each in complete if name in each["over_folds"]]
    return spread_of([mean for mean in means if mean is not None])


def _headline(folder: RepeatedCrossValidation) -> Sequence[str]:
    """What a person wants to see first of this task."""
    from callbacks.checkpoint_files import BEST, read_checkpoint
    from experiments.tasks import rebuild_module

    run = next(run for run in folder.runs if run.status()["state"] == "finished")
    return rebuild_module(read_checkpoint(run.checkpoints / BEST)).headline


def _page(
    folder: RepeatedCrossValidation,
    names: Sequence[str],
    folds: Mapping[str, Spread],
    repeats: Mapping[str, Spread],
) -> Iterator[str]:
    first = folder.repeats[0]
    count = len(folder.repeats)
    yield f"# Cross-validation of {first.experiment().name}: {first.folds} folds, {count} repeats"
    yield ""
    yield (
        "Each repeat divides the patients anew and starts from other weights. The first column is"
        " mean \u00b1 standard deviation over the folds of all repeats; the second over repeats, of"
        " the mean over the folds of each. Folds of one repeat share training cases, and repeats"
        " share all cases: neither deviation is a confidence interval."
    )
    yield ""
    yield "| figure | over all folds | over repeats |"
    yield "|---|---|---|"
    for name in names:
        if name in folds and folds[name]["n"]:
            yield f"| {name} | {spread_text(folds[name])} | {spread_text(repeats[name])} |"
