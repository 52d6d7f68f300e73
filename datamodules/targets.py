"""From the annotations of cases to the targets of a classifier."""

from difflib import get_close_matches

import numpy as np

from datamodules.batches import LabelSet
from datamodules.cases import CaseTable
from datamodules.errors import ConfigError, DataError


def label_set(table: CaseTable, wanted: tuple[str, ...]) -> LabelSet:
    """The labels to predict: the dataset's classes, or those of its findings that are wanted.

    Raises:
        ConfigError: If a wanted finding does not exist, or the dataset has no labels at all.
    """
    if wanted:
        unknown = [name for name in wanted if name not in table.findings]
        if unknown:
            near = get_close_matches(unknown[0], table.findings, n=1)
            raise ConfigError(
                f"--data.labels: {table.name} has no finding '{unknown[0]}'"
                + (f"; did you mean '{near[0]}'?" if near else "")
                + (f"\nIt has: {', '.join(table.findings)}" if table.findings else "")
            )
        return LabelSet(wanted, exclusive=False)
    if len(table.classes) == 1:
        raise DataError(
            f"{table.name}: all cases have the same class, '{table.classes[0]}'; nothing to learn"
        )
    if table.classes:
        return LabelSet.from_classes(table.classes)
    if table.findings:
        return LabelSet(table.findings, exclusive=False)
    raise ConfigError(f"{table.name} has no labels, and a classifier needs some")


def target_matrix(table: CaseTable, labels: LabelSet) -> np.ndarray:
    """Targets float32 ``(cases, labels)``: 1 holds, 0 does not, NaN not known.

    Raises:
        DataError: If the dataset knows none of the labels (an external set of other findings).
    """
    targets = np.full((len(table.cases), len(labels.names)), np.nan, dtype=np.float32)
    for row, case in zip(targets, table.cases, strict=True):
        findings = case.targets.get("findings", {})
        label = case.targets.get("class")
        for column, name in enumerate(labels.names):
            if findings.get(name) is not None:
                row[column] = findings[name]
            elif label is not None:
                row[column] = float(label == name)
    if np.isnan(targets).all():
        raise DataError(f"{table.name} knows none of the labels {', '.join(labels.names)}")
    return targets
