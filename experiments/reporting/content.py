"""Everything that a report says, from the files of a run folder alone."""

import csv
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from datamodules.errors import ConfigError
from datamodules.whole_files import write_whole
from experiments.experiment import Experiment
from experiments.reporting.box_rule import box_rule, score_table
from experiments.reporting.figures import WITH_IMAGES, Illustration, illustrations, pictures
from experiments.reporting.mask_rule import mask_rule
from experiments.reporting.point_tables import mean_shape_caution
from experiments.reporting.provenance import Pair, environment_facts, training_facts
from experiments.reporting.summary import cautions, limits, operating_rule, summary
from experiments.reporting.table import Table
from experiments.reporting.tables import (
    data_table,
    figure_tables,
    headline_table,
    ledger_table,
    subgroup_table,
    threshold_table,
)
from experiments.reporting.trivial_baselines import (
    baseline_cautions,
    baseline_tables,
    explanation,
)
from experiments.reporting.words import counted, moment
from experiments.run_folder import RunFolder

FORMAT = 1
FILE = "report.json"
MOST_NOTICES = 12
NAMING = ("case_id", "patient_id")
"""Columns of splits.csv that hold names."""
QUOTED = re.compile(r"'([^']*)'")
WORD = re.compile(r"""[^\s,;:'"()\[\].](?:[^\s,;:'"()\[\]]*[^\s,;:'"()\[\].])?""")
"""Without the signs beside it; a name that is no single word is looked for as it is."""

Facts = dict[str, Any]


@dataclass(frozen=True)
class Content:
    """A report before it is set as a page."""

    title: str
    description: str
    subtitle: str
    summary: str
    cautions: list[str]
    headline: Table
    data: Table
    notices: list[str]
    rule: str
    thresholds: Table | None
    illustrations: list[Illustration]
    results: list[Table]
    baselines: list[Table]
    baselines_explained: str
    subgroups: Table | None
    training: list[Pair]
    environment: list[Pair]
    ledger: Table
    limits: list[str]
    private: bool


def build_content(folder: RunFolder, shared: Mapping[str, bytes] | None = None) -> Content:
    """Read a run folder.

    Args:
        folder: An evaluated run.
        shared: Given when the page leaves this machine: pictures that take the place of those with
            images of patients. Then no case and no patient is named.

    Raises:
        ConfigError: If the run has not come that far, or a file is damaged.
    """
    metrics, facts = folder.metrics(), read_facts(folder)
    experiment = folder.experiment()
    split = "test" if "test" in metrics else "val"
    figures, point = metrics[split], metrics["operating_point"]
    baselines = metrics.get("baselines", {})
    images = pictures(folder.figures)
    notices: list[str] = facts["dataset"]["notices"]
    if shared is not None:
        images = {k: v for k, v in images.items() if k not in WITH_IMAGES} | dict(shared)
        notices = _without_names(notices, folder)
    return Content(
        title=experiment.name,
        description=experiment.description,
        subtitle=f"{facts['dataset']['name']} \N{MIDDLE DOT} run {folder.path.name} \N{MIDDLE DOT}"
        f" evaluated {moment(facts['evaluated'])}",
        summary=summary(figures, facts, split),
        cautions=[
            *baseline_cautions(baselines, facts, split),
            *mean_shape_caution(figures),
            *cautions(facts, split),
        ],
        headline=headline_table(figures, facts, split),
        data=data_table(facts),
        notices=_shortened([*_counts(facts), *notices]),
        rule=_rule(point, facts, experiment),
        thresholds=_thresholds(point, facts, figures, split),
        illustrations=list(illustrations(images)),
        results=list(figure_tables(metrics, facts)),
        baselines=list(baseline_tables(metrics, facts, split)) if baselines else [],
        baselines_explained=explanation(baselines, facts, split) if baselines else "",
        subgroups=subgroup_table(figures, facts, split),
        training=training_facts(folder, facts),
        environment=environment_facts(folder),
        ledger=ledger_table(folder.test_openings()),
        limits=list(limits(facts, experiment.logging.bootstrap_samples)),
        private=not facts["dataset"]["public"] and shared is None,
    )


def _rule(point: Facts, facts: Facts, experiment: Experiment) -> str:
    rules = {"segmenter": mask_rule, "detector": box_rule}
    rule = rules.get(facts["task"])
    return operating_rule(facts, experiment) if rule is None else rule(point, facts)


def _thresholds(point: Facts, facts: Facts, figures: Facts, split: str) -> Table | None:
    if facts["task"] == "detector":
        return score_table(point, facts, figures, split)
    return threshold_table(point, facts, split) if facts["labels"] and point else None


def write_facts(folder: RunFolder, facts: Facts) -> None:
    """Keep what ``facts.collect`` gathered."""
    write_whole(folder.path / FILE, json.dumps(facts, indent=1, allow_nan=False) + "\n")


def read_facts(folder: RunFolder) -> Facts:
    """Read what :func:`write_facts` wrote.

    Raises:
        ConfigError: If the run has not come that far, or the file is not of this version.
    """
    path = folder.path / FILE
    mend = f"evaluate it again: python -m experiments.run --resume {folder.path}"
    if not path.exists():
        raise ConfigError(f"run {folder.name} has no {FILE}; {mend}")
    try:
        facts: Facts = json.loads(path.read_text())
        known = facts["format"] == FORMAT
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{FILE} of run {folder.name} is damaged; {mend}") from error
    if not known:
        raise ConfigError(f"{FILE} of run {folder.name} is of another version; {mend}")
    return facts


def _counts(facts: Facts) -> list[str]:
    """What was left out, in numbers."""
    found, case = [], facts["case"]
    if excluded := facts["dataset"]["excluded"]:
        found.append(
            f"{counted(excluded, case)} left out as identical copies of {case}s in another split."
        )
    if unlabelled := facts["dataset"]["unlabelled"]:
        found.append(f"{counted(unlabelled, case)} left out, as no label is known.")
    return found


def _shortened(notices: list[str]) -> list[str]:
    if len(notices) <= MOST_NOTICES:
        return notices
    left = len(notices) - MOST_NOTICES
    return [*notices[:MOST_NOTICES], f"\N{HORIZONTAL ELLIPSIS} and {left} more"]


def _without_names(notices: list[str], folder: RunFolder) -> list[str]:
    """Notices that name no case and no patient of the run."""
    with folder.splits_file.open(newline="", encoding="utf-8") as file:
        names = {row[column] for row in csv.DictReader(file) for column in NAMING}
    odd = [name for name in names if not WORD.fullmatch(name)]
    return [
        notice
        for notice in notices
        if names.isdisjoint(_words(notice)) and not any(name in notice for name in odd)
    ]


def _words(notice: str) -> Iterator[str]:
    """What may be a name in a notice: words, and whatever is quoted; a bare number is a count."""
    yield from QUOTED.findall(notice)
    yield from (word for word in WORD.findall(notice) if not word.isdecimal())
