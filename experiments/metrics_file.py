"""Final figures: as metrics.json, and as lines for the console."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any


def metrics_text(results: dict[str, Any]) -> str:
    """JSON with the splits first and the operating point last; no NaN, which is not JSON."""
    first = ("val", "test", "external", "baselines", "notices")
    ordered: dict[str, Any] = {name: results[name] for name in first if name in results}
    ordered["operating_point"] = results["operating_point"]
    return json.dumps(ordered, indent=1, allow_nan=False) + "\n"


SMALL = 0.0005
"""What three decimals would show as 0."""


def headline(
    split: str, figures: Mapping[str, Mapping[str, Any]], names: Sequence[str]
) -> Iterator[str]:
    """One line for each figure that a person wants first and that is defined."""
    for name in names:
        figure = figures.get(name, {"value": None})
        if figure["value"] is None:
            continue
        low, high = figure["low"], figure["high"]
        interval = f" [{low:.3f}, {high:.3f}]" if low is not None else ""
        value = figure["value"]
        shown = f"{value:.1e}" if 0 < value < SMALL else f"{value:.3f}"
        yield f"{split} {name} {shown}{interval}, n = {figure['cases']}"
