"""summary.csv of several runs: a line a run; and what their figures are on average."""

import csv
import io
from collections.abc import Mapping, Sequence
from statistics import mean, stdev
from typing import Any

from experiments.run_folder import RunFolder

Spread = dict[str, float | int | None]


def run_row(run: RunFolder, about: Mapping[str, Any]) -> dict[str, Any]:
    """State and error of a run, and its figures, but for those of single labels.

    Args:
        run: Finished or not.
        about: Columns that set it apart from the others.
    """
    status = run.status()
    row = {"run": run.name, "state": status["state"], "error": status.get("error"), **about}
    if status["state"] == "finished":
        metrics = run.metrics()
        for split in ("val", "test"):
            for name, figure in metrics.get(split, {}).items():
                if "/" not in name:
                    row[f"{split}/{name}"] = figure["value"]
    return row


def as_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as CSV, with the columns of all of them."""
    text = io.StringIO()
    columns = list(dict.fromkeys(name for row in rows for name in row))
    table = csv.DictWriter(text, columns, lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    return text.getvalue()


def spread_of(values: Sequence[float]) -> Spread:
    """Mean, sample standard deviation and number; None where there are too few values."""
    return {
        "mean": mean(values) if values else None,
        "sd": stdev(values) if len(values) > 1 else None,
        "n": len(values),
    }


def spread_text(spread: Mapping[str, Any]) -> str:
    """Mean and standard deviation, for a person."""
    if spread["mean"] is None:
        return "undefined"
    deviation = f" \u00b1 {spread['sd']:.3f}" if spread["sd"] is not None else ""
    return f"{spread['mean']:.3f}{deviation}"


def failures(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """A line for each run that failed."""
    return [
        f"failed: {row['run']}: {str(row['error']).splitlines()[0]}"
        for row in rows
        if row["state"] == "failed"
    ]
