"""Whether something trivial explains what the network does: a table, and what it comes to."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from experiments.reporting.table import Cell, Table
from experiments.reporting.words import (
    SPLITS,
    THIN,
    UNDEFINED,
    count,
    headed,
    listed,
    number,
    plain,
    quoted,
    short,
)

Facts = Mapping[str, Any]

ALONE = "acquisition/"
TITLES = {"acquisition": "Patient and acquisition", "thumbnail": "Thumbnail"}
THUMBNAIL = "thumbnail"
MOST_NAMED = 3
MUCH_LOWER = 0.1
"""Fall of an AUROC from validation to test that a reader is told of, if intervals do not meet."""


def explanation(baselines: Facts, facts: Facts, split: str) -> str:
    """What the tables are of, how to read them, and what they come to."""
    cases = f"{facts['case']}s"
    gaps = [
        gap for each in baselines.values() for gap in _differences(each.get(split, {})).values()
    ]
    clear = gaps and not any(_may_be_none(gap) for gap in gaps)
    outcome = " Here the network is above each, by more than chance explains." if clear else ""
    fitted = max(each.get("training_cases", 0) for each in baselines.values())
    there = facts["splits"]["train"]["cases"]
    on = f"the training {cases}" if fitted >= there else f"{count(fitted)} training {cases}"
    return (
        f"Logistic regressions that know only what the first column says were fitted on {on}."
        " Where the network is not clearly above them, it may have learned no more than they have."
        " What is high in validation and not in test holds among the training"
        f" {cases} only: a shortcut, which the network may have taken too.{outcome}"
    )


def baseline_tables(metrics: Facts, facts: Facts, split: str) -> Iterator[Table]:
    """AUROC of each baseline, and how far the network is above; then the same for each label."""
    baselines, splits = metrics["baselines"], [name for name in ("val", "test") if name in metrics]
    columns = (
        "Logistic regression on",
        *(f"AUROC, {SPLITS[name].lower()}" for name in splits),
        f"Network above it, {SPLITS[split].lower()}",
    )
    table = Table(f"Trivial baselines, 95{THIN}% intervals beneath", columns)
    for name, baseline in baselines.items():
        _add(table, name, baseline, splits, split)
    table.add("The network", *(table.cell(metrics[name].get("auroc")) for name in splits), "")
    yield table
    labels = facts["labels"]["names"]
    whole = {name: each for name, each in baselines.items() if name in TITLES and split in each}
    if len(labels) > 1 and whole:
        yield _label_table(whole, labels, split)


def _add(table: Table, name: str, baseline: Facts, splits: Sequence[str], split: str) -> None:
    title = TITLES.get(name) or f"{headed(name.removeprefix(ALONE))} alone"
    if "reason" in baseline:
        missing = Cell(UNDEFINED, "", table.mark(baseline["reason"]))
        table.add(title, *[missing] * (len(splits) + 1))
        return
    areas = (table.cell(baseline[each]["auroc"]) for each in splits)
    hint = _known(name, baseline) if name in TITLES else ""
    table.add(title, *areas, _above(table, baseline[split]["difference"]), hint=hint)


def _label_table(baselines: Facts, labels: Sequence[str], split: str) -> Table:
    columns = [
        (f"{TITLES[name]}, AUROC", f"Network above {TITLES[name].lower()}") for name in baselines
    ]
    table = Table(f"The same for each label, {SPLITS[split].lower()}", ("", *sum(columns, ())))
    for label in labels:
        cells = []
        for each in baselines.values():
            cells.append(table.cell(each[split][f"auroc/{label}"]))
            cells.append(_above(table, each[split][f"difference/{label}"]))
        table.add(label, *cells)
    return table


def _above(table: Table, figure: Facts) -> Cell:
    """A difference with its sign; the ends of its interval apart by a word, as they have signs."""
    if figure["value"] is None:
        return Cell(UNDEFINED, "", table.mark(figure.get("reason")))
    ends = "" if figure["low"] is None else f"{_signed(figure['low'])} to {_signed(figure['high'])}"
    return Cell(_signed(figure["value"]), ends, table.mark(figure.get("reason")))


def _signed(value: float) -> str:
    return f"{'+' if value > 0 else ''}{number(value)}"


def baseline_cautions(baselines: Facts, facts: Facts, split: str) -> Iterator[str]:
    """Say so where a trivial baseline does as well, or where one holds in training only."""
    for name, baseline in baselines.items():
        if name in TITLES and split in baseline:
            yield from _no_better(_known(name, baseline), _differences(baseline[split]))
    if split == "test":
        yield from _shortcut(baselines, facts)


def _no_better(known: str, differences: Mapping[str, Facts]) -> Iterator[str]:
    """Of the mean over labels; where that is clear, of the labels for which it is not."""
    labels = [quoted(name) for name, gap in differences.items() if name and _may_be_none(gap)]
    if (whole := differences.get("")) and _may_be_none(whole):
        value, low, high = (whole[key] for key in ("value", "low", "high"))
        ends = "" if low is None else f" (95{THIN}% CI {_signed(low)} to {_signed(high)})"
        verb = "worse" if (value if high is None else high) < 0 else "no better"
        yield (
            f"The network is {verb} than logistic regression on {known}: the difference of their"
            f" AUROC is {_signed(value)}{ends}."
        )
    elif labels:
        more = [f"{len(labels) - MOST_NAMED} more"] if len(labels) > MOST_NAMED else []
        yield (
            f"For {listed([*labels[:MOST_NAMED], *more])} the network is not clearly better than"
            f" logistic regression on {known}."
        )


def _differences(figures: Facts) -> dict[str, Facts]:
    """How far the network is above a baseline, by label; by no name for the mean or only label."""
    kinds = {name.partition("/"): figure for name, figure in figures.items()}
    return {
        label: figure
        for (kind, _, label), figure in kinds.items()
        if kind == "difference" and figure["value"] is not None
    }


def _may_be_none(difference: Facts) -> bool:
    """Whether the network may be no better, for all that the interval says."""
    low = difference["low"]
    return bool((difference["value"] if low is None else low) <= 0)


def _shortcut(baselines: Facts, facts: Facts) -> Iterator[str]:
    """The attribute, or else the baseline, that falls furthest from validation to test."""
    falls = []
    for name, baseline in baselines.items():
        for figure, before in baseline.get("val", {}).items():
            if figure.startswith("auroc") and (fall := _fall(before, baseline["test"][figure])):
                falls.append((name.startswith(ALONE), fall, name, figure))
    if not falls:
        return
    _, _, name, figure = max(falls)
    before, after = (baselines[name][split][figure]["value"] for split in ("val", "test"))
    names, label = facts["labels"]["names"], figure.partition("/")[2]
    told = "the labels" if len(names) > 1 and not label else quoted(label or names[0])
    attribute, cases = name.removeprefix(ALONE), f"{facts['case']}s"
    grouped = attribute in {group["attribute"] for group in facts["subgroups"]}
    yield (
        f"Logistic regression on {_known(name, baselines[name])} alone predicts {told} in"
        f" validation {cases} (AUROC {short(before)}), but {'less so' if after > 0.6 else 'not'} in"
        f" test {cases} ({short(after)}): what the network may have learned from it does not carry"
        f" over.{f' Compare the subgroups of {plain(attribute)}.' * grouped}"
    )


def _fall(before: Facts, after: Facts) -> float:
    """How far an AUROC falls; 0 where that may be chance."""
    if None in (before["low"], after["high"]) or after["high"] >= before["low"]:
        return 0.0
    fall: float = before["value"] - after["value"]
    return fall if fall >= MUCH_LOWER else 0.0


def _known(name: str, baseline: Facts) -> str:
    """What a regression knows, in words."""
    if name == THUMBNAIL:
        return f"a {baseline['features'][0]}".replace(" x ", " \N{MULTIPLICATION SIGN} ")
    return listed([plain(feature) for feature in baseline["features"]])
