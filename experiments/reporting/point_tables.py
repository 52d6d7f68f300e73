"""The results of a landmarker as tables, and in a sentence."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from experiments.reporting.metric_words import meaning, metric_name
from experiments.reporting.point_words import OF_MEASURE, READER, UNITS, WITHIN
from experiments.reporting.table import Cell, Table
from experiments.reporting.words import SPLITS, THIN, FigureDict, count, headed, in_words

Facts = Mapping[str, Any]
Figures = Mapping[str, FigureDict]

BENEATH = f"95{THIN}% intervals beneath"
ALL = "All points"
MOST_LANDMARKS = 40
"""Rows of the table of single landmarks."""


def unit_of(figures: Figures) -> str:
    """What names of figures end in: mm, or px where files have no spacing."""
    return "mm" if "mre_mm" in figures else "px"


def summary_of_points(figures: Figures) -> str:
    """How far points are from where they were marked, and from where others marked them."""
    unit = unit_of(figures)
    word = UNITS[unit]
    said = [
        "points are found at a mean distance of"
        f" {in_words(figures[f'mre_{unit}'], word)} from where they were marked; the share within"
        f" 2 {word} is {in_words(figures[f'sdr_2{unit}'])}."
    ]
    if usual := figures.get(f"mre_{unit}_of_mean_shape"):
        said.append(
            "The mean shape of training, which looks at no image, is"
            f" {in_words(usual, word)} from there."
        )
    for reader in _readers(figures, unit):
        own, other = figures[f"{READER}mre_{unit}@{reader}"], figures[f"mre_{unit}@{reader}"]
        said.append(
            f"What {reader} marked is {in_words(own, word)} from there, and"
            f" {in_words(other, word)} from the points of the model."
        )
    return " ".join(said)


def mean_shape_caution(figures: Figures) -> Iterator[str]:
    """Say so where the network may be no nearer than the mean places of training."""
    unit = unit_of(figures)
    below = figures.get(f"mre_{unit}_below_mean_shape")
    if below is None or below["value"] is None:
        return
    low, high = (below["value"] if below[end] is None else below[end] for end in ("low", "high"))
    if low <= 0:
        yield (
            f"The network is {'worse' if high < 0 else 'not clearly better'} than the mean shape of"
            " training, which looks at no image: it has learned nothing that is of use."
        )


def point_tables(figures: Figures, facts: Facts, split: str) -> Iterator[Table]:
    """Distances, shares within so much, baselines, readers, confidence, measures, landmarks."""
    unit = unit_of(figures)
    word = UNITS[unit]
    titled = _Titled(figures, SPLITS[split].lower())
    distances = {"Mean": f"mre_{unit}", "Median": f"median_{unit}", "SD": f"sd_{unit}"}
    distances["95th percentile"] = f"p95_{unit}"
    if unit != "px" and "mre_px" in figures:
        distances["Mean, pixels of the file"] = "mre_px"
    yield titled.by_group(f"Distance of points, {word}", distances)
    within = {f"{text} {word}": f"sdr_{near}{unit}" for near, text in WITHIN.items()}
    yield titled.by_group("Share of points within", within)
    if f"mre_{unit}_of_mean_shape" in figures:
        mean, usual, below = f"mre_{unit}", f"mre_{unit}_of_mean_shape", f"mre_{unit}_below_mean"
        columns = {"Network": mean, "Mean shape": usual, "Network nearer by": f"{below}_shape"}
        yield titled.by_group(f"Mean distance against the mean shape of training, {word}", columns)
    for reader in _readers(figures, unit):
        columns = {
            f"Mean distance from {reader}, {word}": f"mre_{unit}@{reader}",
            f"Share within 2 {word} of {reader}": f"sdr_2{unit}@{reader}",
            f"{reader} from the truth, {word}": f"{READER}mre_{unit}@{reader}",
        }
        yield titled.by_group(f"Against another reader: {reader}", columns)
    yield _confidence(figures, facts, titled.split, unit)
    if measures := facts.get("measures"):
        yield _measures(figures, measures, titled.split)
    yield _landmarks(figures, titled.split, unit)


class _Titled:
    """Tables with a row for all points and one for each group of landmarks."""

    def __init__(self, figures: Figures, split: str) -> None:
        self.figures, self.split = figures, split
        self.groups = [
            label
            for name in figures
            if name.startswith("median_") and (label := name.partition("/")[2])
        ]

    def by_group(self, title: str, columns: Mapping[str, str]) -> Table:
        """A column a figure, by its name."""
        table = Table(f"{title}, {self.split}, {BENEATH}", ("", *columns))
        table.add(ALL, *(table.cell(self.figures.get(name)) for name in columns.values()))
        for group in self.groups:
            found = (self.figures.get(f"{name}/{group}") for name in columns.values())
            table.add(group, *(table.cell(each) if each else "" for each in found))
        return table


def _readers(figures: Figures, unit: str) -> list[str]:
    start = f"{READER}mre_{unit}@"
    return [
        name.removeprefix(start) for name in figures if name.startswith(start) and "/" not in name
    ]


def _confidence(figures: Figures, facts: Facts, split: str, unit: str) -> Table:
    names = ("confidence_correlation", f"mre_{unit}_confident_half", f"mre_{unit}_doubtful_half")
    table = Table(f"What confidence tells, {split}, {BENEATH}", ("", "Value"))
    for name in names:
        hint = meaning(name, facts["case"], "points")
        table.add(metric_name(name), table.cell(figures.get(name)), hint=hint)
    return table


def _measures(figures: Figures, units: Mapping[str, str], split: str) -> Table:
    columns = ("", "Unit", *(headed(text) for text, _ in OF_MEASURE.values()), "Cases")
    table = Table(f"Measures, predicted less true, {split}, {BENEATH}", columns)
    for name, unit in units.items():
        own = [figures.get(f"{name}_{suffix}") for suffix in OF_MEASURE]
        cases = count(own[0]["cases"]) if own[0] else ""
        table.add(name, unit or "none", *(table.cell(each) for each in own), cases)
    return table


def _landmarks(figures: Figures, split: str, unit: str) -> Table:
    """The farthest first."""
    groups, start = _Titled(figures, split).groups, f"mre_{unit}/"
    own = [name for name in figures if name.startswith(start)]
    labels = [label for name in own if (label := name.removeprefix(start)) not in groups]
    labels.sort(key=lambda label: -(figures[start + label]["value"] or -1))
    shown = labels[:MOST_LANDMARKS]
    part = f"the {len(shown)} farthest of {len(labels)}, " * (len(shown) < len(labels))
    word = UNITS[unit]
    columns = ("", f"Mean distance, {word}", f"Share within 2 {word}", "Cases")
    table = Table(f"Each landmark, {part}{split}, {BENEATH}", columns)
    for label in shown:
        table.add(label, *_of_landmark(table, figures, (start + label, f"sdr_2{unit}/{label}")))
    return table


def _of_landmark(table: Table, figures: Figures, names: Sequence[str]) -> Iterator[Cell | str]:
    yield from (table.cell(figures.get(name)) for name in names)
    yield count(figures[names[0]]["cases"])
