"""The tables of a report: headline, data, thresholds, all results, subgroups, ledger."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from experiments.reporting.figure_kinds import COUNTS, figure_kinds, is_exclusive, subject_of
from experiments.reporting.metric_words import AT_OPERATING_POINT, meaning, metric_name
from experiments.reporting.point_tables import point_tables
from experiments.reporting.table import Cell, Table
from experiments.reporting.words import (
    SPLITS,
    THIN,
    UNDEFINED,
    FigureDict,
    count,
    headed,
    interval,
    moment,
    number,
    percent,
    ranged,
    share_of,
)

Facts = Mapping[str, Any]
Figures = Mapping[str, FigureDict]

CI = f"95{THIN}% CI"
BENEATH = f"95{THIN}% intervals beneath"
SAID_ABOVE = "Sensitivity at "
"""Of the columns of a table whose heading says so."""
OPENED_BY = {"run": "the run itself", "evaluate": "external evaluation"}


def headline_table(figures: Figures, facts: Facts, split: str) -> Table:
    """The figures that a person wants to see first."""
    with_patients = facts["dataset"]["has_patients"]
    columns = ("Measure", "Value", CI, *_sizes(facts))
    table = Table(f"{SPLITS[split]} results", columns)
    for name in facts["headline"]:
        if (figure := figures.get(name)) is None:
            continue
        cells = [Cell(number(figure["value"]), "", table.mark(figure.get("reason")))]
        cells += [Cell(interval(figure) or UNDEFINED), Cell(count(figure["cases"]))]
        cells += [Cell(count(figure["patients"]))] * with_patients
        table.add(metric_name(name), *cells, hint=meaning(name, facts["case"], subject_of(facts)))
    return table


def data_table(facts: Facts) -> Table:
    """Cases, patients, labels and subgroups of every split."""
    splits = facts["splits"]
    table = Table("Cases of each split", ("", *(SPLITS[name] for name in splits)))
    table.add(f"{facts['case'].capitalize()}s", *(count(s["cases"]) for s in splits.values()))
    if facts["dataset"]["has_patients"]:
        table.add("Patients", *(count(s["patients"]) for s in splits.values()))
    labels = facts["labels"]
    if labels and all(split["labels"] for split in splits.values()):
        table.divide("Classes" if labels["exclusive"] or labels["negative"] else "Labels")
        if labels["negative"]:
            only = labels["names"][0]
            table.add(labels["negative"], *(_absent(each, only) for each in splits.values()))
        for name in labels["names"]:
            table.add(name, *(_present(split, name) for split in splits.values()))
    attribute = None
    for group in facts["groups"]:
        if group["attribute"] != attribute:
            attribute = group["attribute"]
            table.divide(headed(attribute))
        shares = (share_of(group["cases"][name], splits[name]["cases"]) for name in splits)
        table.add(ranged(group["value"]), *shares)
    return table


def _present(split: Facts, label: str) -> Cell:
    counts = split["labels"][label]
    missing = split["cases"] - counts["known"]
    detail = f"of {count(counts['known'])} known" if missing else ""
    return Cell(share_of(counts["positive"], counts["known"]), detail)


def _absent(split: Facts, label: str) -> Cell:
    counts = split["labels"][label]
    return Cell(share_of(counts["known"] - counts["positive"], counts["known"]))


def threshold_table(point: Mapping[str, Facts], facts: Facts, split: str) -> Table:
    """Threshold of each label, what it reached on validation, and what it does on test cases."""
    where = f"{SPLITS[split].lower()} {facts['case']}"
    columns = (
        *("Label", "Threshold", "Sensitivity on validation", "Specificity on validation"),
        *(f"Positive {where}s found", f"False alarms in negative {where}s"),
    )
    table = Table("Threshold of each label, and what it does", columns)
    counts = {matrix["label"]: matrix["counts"] for matrix in facts["confusion"].get(split, ())}
    for label, chosen in point.items():
        (spared, alarms), (missed, found) = counts.get(label, ((0, 0), (0, 0)))
        table.add(
            label,
            Cell(number(chosen["threshold"]), "", table.mark(chosen.get("reason"))),
            _or_note(table, chosen["sensitivity"], "no positive case in validation"),
            _or_note(table, chosen["specificity"], "no negative case in validation"),
            _part(table, found, found + missed, f"no positive {where}"),
            _part(table, alarms, alarms + spared, f"no negative {where}"),
        )
    return table


def _or_note(table: Table, value: float | None, reason: str) -> Cell:
    return Cell(number(value), "", table.mark(reason) if value is None else "")


def _part(table: Table, part: int, whole: int, reason: str) -> Cell:
    if not whole:
        return Cell(UNDEFINED, "", table.mark(reason))
    return Cell(f"{count(part)} of {count(whole)}", percent(part, whole))


def figure_tables(metrics: Mapping[str, Figures], facts: Facts) -> Iterator[Table]:
    """Every figure: one table where there is a single label, else one for each kind of figure."""
    splits = [name for name in ("test", "val") if name in metrics]
    figures = metrics[splits[0]]
    if subject_of(facts) == "points":
        yield from point_tables(figures, facts, splits[0])
        return
    if any("/" in name for name in figures):
        yield from _tables_by_label(figures, facts, splits[0])
        return
    columns = ("Measure", *(SPLITS[name] for name in splits))
    table = Table(f"All results, {BENEATH}", columns)
    for heading, names in figure_kinds(figures, facts):
        table.divide(heading)
        for name in names:
            cells = (_cell(table, metrics[split], name) for split in splits)
            hint = meaning(name.removesuffix(AT_OPERATING_POINT), facts["case"], subject_of(facts))
            table.add(metric_name(name), *cells, hint=hint.removesuffix(", at 0.5"))
    yield table


def _tables_by_label(figures: Figures, facts: Facts, split: str) -> Iterator[Table]:
    labels = dict.fromkeys(name.partition("/")[2] for name in figures if "/" in name)
    for heading, names in figure_kinds(figures, facts):
        many = is_exclusive(facts) or subject_of(facts) == "boxes"
        whole = "All classes" if many else "Mean"
        if names[0] in COUNTS:
            whole = "All together"
        columns = ("", *(metric_name(name).removeprefix(SAID_ABOVE) for name in names))
        table = Table(f"{heading}, {SPLITS[split].lower()}, {BENEATH}", columns)
        table.add(whole, *(_cell(table, figures, name) for name in names))
        for label in labels:
            own = (f"{_of_a_class(name)}/{label}" for name in names)
            table.add(label, *(_cell(table, figures, each) for each in own))
        yield table


def _of_a_class(name: str) -> str:
    """Mean average precision is the mean of what has another name."""
    return name.replace("map_", "ap_", 1) if name.startswith("map_") else name


def _cell(table: Table, figures: Figures, name: str) -> Cell:
    return table.cell(figures.get(name), whole=name.partition("/")[0] in COUNTS)


def subgroup_table(figures: Figures, facts: Facts, split: str) -> Table | None:
    """A few figures for each sex, age band, view, site ...; None where nothing is known of them."""
    groups: Sequence[Facts] = facts["subgroups"]
    names = next((list(group["figures"]) for group in groups if group["figures"]), [])
    if not names:
        return None
    decided = bool(facts["confusion"]) and not is_exclusive(facts)
    how = "decisions at the operating point, " * decided
    table = Table(
        f"{SPLITS[split]} {facts['case']}s by subgroup, {how}{BENEATH}",
        ("", *_sizes(facts), *(metric_name(name) for name in names)),
    )
    everything = {"cases": facts["splits"][split]["cases"], "figures": figures}
    _add_group(table, "All", {**everything, "patients": facts["splits"][split]["patients"]}, names)
    attribute = None
    for group in groups:
        if group["attribute"] != attribute:
            attribute = group["attribute"]
            table.divide(headed(attribute))
        _add_group(table, ranged(group["value"]), group, names)
    return table


def _add_group(table: Table, name: str, group: Facts, names: Sequence[str]) -> None:
    sizes = [count(group["cases"])]
    if "Patients" in table.columns:
        sizes.append(count(group["patients"]))
    if group["figures"]:
        table.add(name, *sizes, *(table.cell(group["figures"].get(metric)) for metric in names))
    else:
        few = Cell(UNDEFINED, "", table.mark("too few to say anything (fewer than 10)"))
        table.add(name, *sizes, *(few for _ in names))


def ledger_table(openings: Sequence[Facts]) -> Table:
    """When a held-out split was opened, by what, and with which code."""
    table = Table("Test openings", ("Time", "Opened by", "Split", "Revision"))
    for opening in openings:
        attempt = f", attempt {opening['attempt']}" if "attempt" in opening else ""
        table.add(
            moment(opening["time"]),
            f"{OPENED_BY.get(opening['by'], opening['by'])}{attempt}",
            opening["split"],
            revision_text(opening.get("revision") or {}),
        )
    return table


def revision_text(revision: Facts) -> str:
    """Commit, and whether the code differed from it."""
    if not revision.get("commit"):
        return "not known"
    return f"{revision['commit'][:12]}{' with changes' if revision.get('dirty') else ''}"


def _sizes(facts: Facts) -> tuple[str, ...]:
    """Columns of how many there are; patients only where the dataset knows them."""
    cases = f"{facts['case'].capitalize()}s"
    return (cases, "Patients") if facts["dataset"]["has_patients"] else (cases,)
