"""From probabilities to decisions, and to the columns of a prediction table."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from datamodules.data_info import LabelSet


def thresholds(operating_point: Mapping[str, Any]) -> dict[str, float]:
    """Threshold of each label of an operating point; empty when classes exclude one another."""
    return {label: float(chosen["threshold"]) for label, chosen in operating_point.items()}


def decide(scores: list[float], labels: LabelSet, chosen: Mapping[str, float]) -> str:
    """The decision on one case in words: a class, or the labels called present.

    A label is present when its probability is at least its threshold; without thresholds, 0.5.
    """
    return "|".join(called_present(scores, labels, chosen)) or labels.negative or "none"


def called_present(scores: list[float], labels: LabelSet, chosen: Mapping[str, float]) -> list[str]:
    """The labels of which :func:`decide` says that they hold; of classes, the one."""
    if labels.exclusive:
        return [labels.names[int(np.argmax(scores))]]
    return [
        name
        for name, score in zip(labels.names, scores, strict=True)
        if score >= chosen.get(name, 0.5)
    ]


def decided_row(
    row: Mapping[str, Any], labels: LabelSet, chosen: Mapping[str, float]
) -> dict[str, Any]:
    """A row with ``called``; as it is where there is no threshold, as for exclusive classes."""
    if labels.exclusive or not chosen:
        return dict(row)
    pairs = zip(labels.names, row["scores"], strict=True)
    return {**row, "called": [score >= chosen[name] for name, score in pairs]}


def table_row(
    row: Mapping[str, Any], labels: LabelSet, chosen: Mapping[str, float]
) -> dict[str, Any]:
    """Columns ``probability/<label>``, ``decision`` and, where known, ``truth/<label>``."""
    columns: dict[str, Any] = {"case_id": row["case_id"], "patient_id": row["patient_id"]}
    for name, score in zip(labels.names, row["scores"], strict=True):
        columns[f"probability/{name}"] = round(float(score), 6)
    columns["decision"] = decide(row["scores"], labels, chosen)
    for name, target in zip(labels.names, row.get("targets", ()), strict=False):
        columns[f"truth/{name}"] = "" if target is None else int(target)
    return columns
