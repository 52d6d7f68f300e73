"""From the annotations of cases to the targets of a classifier."""

from collections.abc import Iterable
from difflib import get_close_matches

import numpy as np

from datamodules.cases import CaseTable
from datamodules.data_info import LabelSet
from datamodules.errors import ConfigError, DataError
from datamodules.readers.label_columns import is_negative_word

FEWEST_GRADES = 3


def label_set(table: CaseTable, wanted: tuple[str, ...], *, ordered: bool = False) -> LabelSet:
    """The labels to predict: the dataset's classes, or those of its findings that are wanted.

    Args:
        table: The cases.
        wanted: Findings; empty: all that there is.
        ordered: Whether classes are grades.

    Raises:
        ConfigError: If a wanted finding does not exist, the dataset has no labels at all, or what
            is to be ordered is no three classes or more.
    """
    if ordered and (wanted or len(table.classes) < FEWEST_GRADES):
        raise ConfigError(
            f"--data.ordered: {table.name} has no three classes or more that are grades"
        )
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
        return LabelSet.from_classes(table.classes, ordered=ordered)
    if table.findings:
        return LabelSet(table.findings, exclusive=False)
    raise ConfigError(f"{table.name} has no labels, and a classifier needs some")


def target_matrix(table: CaseTable, labels: LabelSet) -> np.ndarray:
    """Targets float32 ``(cases, labels)``: 1 holds, 0 does not, NaN not known.

    Raises:
        DataError: If the dataset knows none of the labels (an external set of other findings), or
            has a class that the labels do not know: it would count as negative.
    """
    _refuse_unknown_classes(table, labels)
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


def lacking_outcomes(targets: np.ndarray, labels: LabelSet, split: str) -> list[str]:
    """A line for each outcome of a label that no case of a split has.

    Args:
        targets: Of the split's cases, float32 ``(n, labels)``.
        labels: The labels.
        split: Its name.
    """
    return [
        f"'{name}' has no {word} case in {split}"
        for name, column in zip(labels.names, targets.T, strict=True)
        for word, outcome in (("positive", 1), ("negative", 0))
        if not (column == outcome).any()
    ]


def _refuse_unknown_classes(table: CaseTable, labels: LabelSet) -> None:
    known = {*labels.names, labels.negative}
    found = dict.fromkeys(
        case.targets["class"]
        for case in table.cases
        if case.targets.get("class") is not None
        and any(case.targets.get("findings", {}).get(name) is None for name in labels.names)
    )
    unknown = [name for name in found if name not in known]
    if not labels.exclusive and labels.negative is None:  # findings: a word for none of them
        unknown = [name for name in unknown if not is_negative_word(name)]
    if unknown:
        ours = [name for name in (labels.negative, *labels.names) if name is not None]
        raise DataError(
            f"{table.name} has classes that the model does not know: {_quoted(unknown)}. It has "
            f"{_quoted(found)}, the model knows {_quoted(ours)}; write the classes of the "
            "dataset as the model's are written"
        )


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)
