"""The doctor for images with labels: what films and volumes to classify have in common."""

from collections.abc import Callable

import numpy as np

from datamodules.configs.labelled import LabelledConfig
from datamodules.data_info import LabelSet
from datamodules.doctor.balance import examine_balance
from datamodules.doctor.examination import Examination, begin, examine_sides
from datamodules.errors import DataError
from datamodules.problems import Kind, Problem, problems_of
from datamodules.readers.reader import Reading
from datamodules.table_features import fit_columns
from datamodules.targets import label_set, target_matrix


def examine_labels(
    config: LabelledConfig,
    reading: Reading,
    labels: LabelSet | None,
    look: Callable[[Examination], None] | None,
) -> Examination:
    """Look at labels, attributes and sides, and at the images in between.

    Args:
        config: Says what is made of the cases.
        reading: What was read of them.
        labels: What is predicted; None: what the settings say.
        look: Opens the images, and adds their content and what is wrong with them; None: none is.

    Raises:
        ConfigError: If the settings do not fit together, or not to the dataset.
    """
    found = begin(reading)
    if found.table is None:
        return found
    targets = None
    try:
        labels = labels or label_set(found.table, config.labels, ordered=config.ordered)
        targets = target_matrix(found.table, labels)
    except DataError as error:
        found.problems += problems_of(error, Kind.LABEL)
    fit_columns(config.table_features, found.table.cases)
    if look is not None:
        look(found)
    examine_sides(found, found.table, config)
    if labels is None or targets is None:
        return found
    unlabelled = int(np.isnan(targets).all(axis=1).sum())
    if unlabelled and Kind.LABEL not in found.by_kind("error"):
        left = f"Cases without any known label, which a run leaves out: {unlabelled}."
        found.problems.append(Problem(Kind.NOTE, "", left, "notice"))
    if found.splits:
        found.counts, problems = examine_balance(found.table, labels, targets, found.splits)
        found.problems += problems
    return found
