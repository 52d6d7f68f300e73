"""What a report needs beyond the final figures, kept in the run folder as report.json."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any, NamedTuple, cast

import numpy as np

from datamodules.base import SPLITS, TaskDataModule
from datamodules.labelled import LabelledData
from datamodules.splits import EXCLUDED
from experiments.environment import peak_memory_gib
from experiments.reporting.content import FORMAT, Facts
from experiments.run_folder import RunFolder, now
from lightning_modules.base import Row, TaskModule
from lightning_modules.classifier import Classifier
from lightning_modules.detector import Detector
from lightning_modules.landmarker import Landmarker
from lightning_modules.metrics.decisions import thresholds
from lightning_modules.metrics.rows import ClassificationRow
from lightning_modules.metrics.subgroups import SMALLEST_GROUP, subgroups
from lightning_modules.segmenter import Segmenter
from lightning_modules.slide_survival import SlideSurvival

OURS = Classifier | Detector | Landmarker | Segmenter | SlideSurvival
"""Tasks whose settings are described; of a module of somebody's own only the name is known."""


def collect(
    module: TaskModule, data: TaskDataModule, folder: RunFolder, operating_point: Mapping[str, Any]
) -> Facts:
    """Gather what only module and data know, as plain values without any path.

    Args:
        module: Evaluated: its rows are those of the final passes.
        data: What it was trained on.
        folder: The run.
        operating_point: As chosen on validation.
    """
    groups = list(_groups(data))
    task = folder.experiment().task
    return {
        "format": FORMAT,
        "evaluated": now(),
        "task": task.kind if isinstance(module, OURS) else None,
        "has_spacing": module.data.has_spacing
        if isinstance(module, Detector | Landmarker | Segmenter)
        else None,
        "module": type(module).__name__,
        "case": data.case_noun,
        "headline": list(module.headline),
        "monitor": module.monitored,
        "optimizer": module.optimizer_config.public(),
        "peak_memory_gib": peak_memory_gib(),
        "parameters": sum(each.numel() for each in module.network.parameters()),
        "dataset": _dataset(data),
        "labels": _labels(module),
        "measures": _measures(module),
        "splits": _splits(data),
        "confusion": _confusion(module, operating_point),
        "subgroups": _subgroup_figures(module, groups, operating_point, folder),
        "groups": [_group_counts(group, data) for group in groups],
    }


def _dataset(data: TaskDataModule) -> Facts:
    counts = list(data.splits.values())
    return {
        "name": data.table.name,
        "public": data.table.public,
        "has_patients": data.table.has_patients,
        "notices": list(dict.fromkeys(data.notices)),
        "excluded": counts.count(EXCLUDED),
        "unlabelled": sum(counts.count(name) - len(data.indices(name)) for name in SPLITS),
    }


def _labels(module: TaskModule) -> Facts | None:
    return asdict(module.data.labels) if isinstance(module, Classifier) else None


def _measures(module: TaskModule) -> Facts | None:
    """Unit of what a landmarker measures."""
    return module.metrics.units if isinstance(module, Landmarker) else None


def _splits(data: TaskDataModule) -> Facts:
    """Cases, patients and labels of every split that is there."""
    found = {}
    for split in SPLITS:
        if indices := data.indices(split):
            patients = {data.table.cases[index].patient_id for index in indices}
            found[split] = {
                "cases": len(indices),
                "patients": len(patients),
                "labels": _label_counts(data, indices),
            }
    return found


def _label_counts(data: TaskDataModule, indices: Sequence[int]) -> Facts:
    if not isinstance(data, LabelledData) or data.labels is None:
        return {}
    targets = data.targets[indices]
    return {
        name: {"positive": int((column == 1).sum()), "known": int((~np.isnan(column)).sum())}
        for name, column in zip(data.labels.names, targets.T, strict=True)
    }


def _confusion(module: TaskModule, operating_point: Mapping[str, Any]) -> Facts:
    if not isinstance(module, Classifier):
        return {}
    chosen = thresholds(operating_point)
    return {
        split: [asdict(matrix) for matrix in module.metrics.confusion(scored, chosen)]
        for split, rows in module.rows.items()
        if (scored := cast("Sequence[ClassificationRow]", rows))
    }


class _Group(NamedTuple):
    attribute: str
    value: str
    cases: frozenset[str]


def _groups(data: TaskDataModule) -> Iterator[_Group]:
    """Subgroups of all cases, so that their bounds are the same in every table."""
    used = [data.table.cases[index] for split in SPLITS for index in data.indices(split)]
    given = {case.case_id: {"site": case.site, **case.attributes} for case in used}
    names = dict.fromkeys(name for attributes in given.values() for name in attributes)
    for name in names:
        only = {case_id: {name: given[case_id].get(name)} for case_id in given}
        for key, cases in subgroups(only, only).items():
            yield _Group(name, key.removeprefix(f"{name}="), frozenset(cases))


def _group_counts(group: _Group, data: TaskDataModule) -> Facts:
    counts = {
        split: sum(data.table.cases[index].case_id in group.cases for index in data.indices(split))
        for split in SPLITS
    }
    return {"attribute": group.attribute, "value": group.value, "cases": counts}


def _subgroup_figures(
    module: TaskModule,
    groups: Sequence[_Group],
    operating_point: Mapping[str, Any],
    folder: RunFolder,
) -> list[Facts]:
    """Figures of each subgroup of the test cases (of the validation cases where there are none)."""
    rows = module.rows.get("test") or module.rows["val"]
    samples = folder.experiment().logging.bootstrap_samples
    found = []
    for group in groups:
        own = [row for row in rows if row["case_id"] in group.cases]
        if 0 < len(own) < len(rows):
            facts = {
                "attribute": group.attribute,
                "value": group.value,
                "cases": len(own),
                "patients": len({row["patient_id"] for row in own}),
                "figures": _figures_of(module, own, operating_point, samples),
            }
            found.append(facts)
    return found


def _figures_of(
    module: TaskModule, rows: Sequence[Row], operating_point: Mapping[str, Any], samples: int
) -> Facts:
    """The few figures that a subgroup is shown with; none where it is too small to say anything."""
    if len(rows) < SMALLEST_GROUP:
        return {}
    point = dict(operating_point)
    figures = module.final_figures(rows, point, samples)
    names = module.subgroup_headline(point) or tuple(figures)[:3]
    return {name: figures[name].to_dict() for name in names if name in figures}
