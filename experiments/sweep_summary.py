"""What a sweep found: a line a run, means over seeds, and the best by validation."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from datamodules.whole_files import write_whole
from experiments.run_table import as_csv, failures, run_row, spread_of, spread_text
from experiments.sweep_folder import SweepFolder, as_text
from lightning_modules.metrics.directions import lower_is_better


def summarise(sweep: SweepFolder) -> str:
    """Write summary.csv and summary.json; returns what a person reads first.

    Runs are compared by the monitored metric on validation, never on the test split.
    """
    runs = sweep.runs
    rows = [run_row(run, values) for run, values in zip(runs, sweep.varied, strict=True)]
    write_whole(sweep.summary_table, as_csv(rows))
    monitor = runs[0].experiment().task.monitor
    groups = _groups(rows, monitor)
    best = _best(groups, monitor)
    content = {"monitor": f"val/{monitor}", "runs": rows, "groups": groups, "best": best}
    write_whole(sweep.summary_file, json.dumps(content, indent=1) + "\n")
    return "\n".join([*_text(groups, best, rows), f"table: {sweep.summary_table}"])


def _groups(rows: Sequence[Mapping[str, Any]], monitor: str) -> list[dict[str, Any]]:
    """Runs that differ in their seed alone, with mean and standard deviation of each figure."""
    settled: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        settled.setdefault(json.dumps(_settings(row), sort_keys=True), []).append(row)
    groups = []
    for members in settled.values():
        done = [row for row in members if row["state"] == "finished"]
        names = [
            name for name in (f"val/{monitor}", f"test/{monitor}") if any(name in r for r in done)
        ]
        figures = {
            name: spread_of([row[name] for row in done if row.get(name) is not None])
            for name in names
        }
        groups.append(
            {
                "settings": _settings(members[0]),
                "runs": len(members),
                "finished": len(done),
                "figures": figures,
            }
        )
    return groups


def _settings(row: Mapping[str, Any]) -> dict[str, Any]:
    own = {"run", "state", "error", "seed"}
    return {
        name: value
        for name, value in row.items()
        if name not in own and not name.startswith(("val/", "test/"))
    }


def _best(groups: Sequence[Mapping[str, Any]], monitor: str) -> dict[str, Any] | None:
    judged = [
        (group["figures"][f"val/{monitor}"]["mean"], group["settings"])
        for group in groups
        if group["figures"].get(f"val/{monitor}", {"mean": None})["mean"] is not None
    ]
    if len(judged) < 2:
        return None
    choose = min if lower_is_better(monitor) else max
    value, settings = choose(judged, key=lambda each: each[0])
    return {"settings": settings, f"val/{monitor}": value}


def _text(
    groups: Sequence[Mapping[str, Any]],
    best: Mapping[str, Any] | None,
    rows: Sequence[Mapping[str, Any]],
) -> Iterator[str]:
    for group in groups:
        figures = ", ".join(
            f"{name} {spread_text(spread)}" for name, spread in group["figures"].items()
        )
        about = as_text(group["settings"]) or "all seeds"
        done = f"{group['finished']} of {group['runs']} runs"
        yield f"{about}: {figures or 'nothing yet'} ({done})"
    yield from failures(rows)
    if best is not None:
        yield f"best on validation: {as_text(best['settings'])}"
