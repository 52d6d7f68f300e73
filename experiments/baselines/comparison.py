"""Trivial baselines on the cases of the final evaluation, beside the network."""

import logging
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, cast

import numpy as np
import numpy.typing as npt

from datamodules.data_info import LabelSet
from datamodules.labelled import LabelledData
from experiments.baselines.features import acquisition_features, thumbnail_features
from experiments.baselines.logistic_regression import mean_auroc, regress
from lightning_modules.base import TaskModule
from lightning_modules.classifier import Classifier
from lightning_modules.metrics.paired import DIFFERENCE, SECOND, paired_auroc
from lightning_modules.metrics.rows import ClassificationRow, ScoreTable

log = logging.getLogger("lightbox")

Features = npt.NDArray[np.float32]
Array = npt.NDArray[np.float64]
Facts = dict[str, Any]

ACQUISITION, THUMBNAIL = "acquisition", "thumbnail"
MOST_TRAINING = 20_000
"""Training cases that a baseline is fitted on; of more, so many are drawn, always the same."""
MOST_ALONE = 5
"""Single attributes that are shown beside all of them: those that rank validation best."""
NAMES = {SECOND: "auroc", DIFFERENCE: "difference"}
NOTHING_KNOWN = "nothing is known of the training images that differs between them"


def compare_with_baselines(module: TaskModule, data: object, samples: int) -> Facts:
    """Fit trivial baselines on the training cases, and score them beside the network.

    Args:
        module: Evaluated: its rows are those of the final passes.
        data: What it was trained on.
        samples: Bootstrap samples of the intervals.

    Returns:
        Plain values by the baseline's name: ``acquisition``, ``acquisition/<attribute>`` for the
        most telling attributes alone, and ``thumbnail``. Each has ``features``,
        ``training_cases``, and for each evaluated split the figures ``auroc`` and ``difference``
        (network less baseline), and where there are several labels ``auroc/<label>`` and so on; a
        baseline that cannot be had has a ``reason`` only. Empty where the task has none, or if
        something goes wrong, which is logged.
    """
    if not isinstance(module, Classifier) or not isinstance(data, LabelledData):
        return {}
    try:
        return _compare(_Scored.of(module, data), data, samples)
    except Exception as error:  # whatever it is, no finished run is lost for it
        log.warning("trivial baselines are left out: %s: %s", type(error).__name__, error)
        return {}


def baseline_lines(split: str, baselines: Facts) -> Iterator[str]:
    """One line for the console for each baseline that could be compared."""
    for name, baseline in baselines.items():
        difference = baseline.get(split, {}).get(DIFFERENCE, {"value": None})
        if "/" not in name and difference["value"] is not None:
            low, high = difference["low"], difference["high"]
            interval = f" [{low:+.3f}, {high:+.3f}]" if low is not None else ""
            known = ", ".join(baseline["features"])
            yield (
                f"{split} auroc {difference['value']:+.3f}{interval}"
                f" against logistic regression on {known}"
            )


class _Scored(NamedTuple):
    """The cases that baselines are fitted and scored on: training first, then each split.

    Attributes:
        indices: Their positions in the datamodule's table.
        targets: 1, 0 or NaN, float64 ``(n, L)``.
        splits: Where the cases of each split are among them.
        tables: What the network made of those of each evaluated split, in the same order.
        labels: What is told apart.
    """

    indices: list[int]
    targets: Array
    splits: dict[str, slice]
    tables: dict[str, ScoreTable]
    labels: LabelSet

    @classmethod
    def of(cls, module: Classifier, data: LabelledData) -> "_Scored":
        """Training cases as they are divided, the others as they were evaluated."""
        place = {case.case_id: index for index, case in enumerate(data.table.cases)}
        indices, labels = _drawn(data.indices("train")), module.data.labels
        splits, tables = {"train": slice(0, len(indices))}, {}
        for split, rows in module.rows.items():
            scored = [place[case_id] for case_id in sorted(row["case_id"] for row in rows)]
            splits[split] = slice(len(indices), len(indices) + len(scored))
            indices += scored
            typed = cast("Sequence[ClassificationRow]", rows)
            tables[split] = ScoreTable.from_rows(typed, labels)
        return cls(indices, data.targets[indices].astype(np.float64), splits, tables, labels)

    def regress(self, features: Features) -> Array:
        """Scores of all cases by logistic regression on these columns."""
        return regress(
            features,
            self.targets,
            self.splits["train"],
            self.splits["val"],
            exclusive=self.labels.exclusive,
        )


def _compare(cases: _Scored, data: LabelledData, samples: int) -> Facts:
    fitted = cases.splits["train"].stop
    known = acquisition_features(data, cases.indices, fitted)
    small = thumbnail_features(data, cases.indices, fitted)
    found: Facts = {ACQUISITION: {"reason": NOTHING_KNOWN}}
    if known:
        everything = cases.regress(np.hstack(list(known.values())))
        found[ACQUISITION] = _figures(cases, everything, list(known), samples)
    if len(known) > 1:
        for name, scores in _most_telling(cases, known).items():
            found[f"{ACQUISITION}/{name}"] = _figures(cases, scores, [name], samples)
    found[THUMBNAIL] = _figures(cases, cases.regress(small), [data.thumbnail], samples)
    return found


def _most_telling(cases: _Scored, known: dict[str, Features]) -> dict[str, Array]:
    """Scores from each attribute alone, of the few that rank validation best."""
    scores = {name: cases.regress(columns) for name, columns in known.items()}
    at = cases.splits["val"]
    areas = {name: mean_auroc(own[at], cases.targets[at]) for name, own in scores.items()}
    best = sorted(areas, key=lambda name: -areas[name])[:MOST_ALONE]
    return {name: scores[name] for name in best}


def _figures(cases: _Scored, scores: Array, features: list[str], samples: int) -> Facts:
    found: Facts = {"features": features, "training_cases": cases.splits["train"].stop}
    for split, table in cases.tables.items():
        own = scores[cases.splits[split]]
        figures = paired_auroc(table, own, cases.labels, samples, seed=0)
        for name, figure in figures.items():
            kind, slash, label = name.partition("/")
            if kind in NAMES:
                found.setdefault(split, {})[f"{NAMES[kind]}{slash}{label}"] = figure.to_dict()
    return found


def _drawn(indices: list[int]) -> list[int]:
    """All training cases, or so many of them as are fitted within a minute."""
    if len(indices) <= MOST_TRAINING:
        return list(indices)
    return sorted(np.random.default_rng(0).choice(indices, MOST_TRAINING, replace=False).tolist())
