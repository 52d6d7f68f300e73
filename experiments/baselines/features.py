"""What can be known of an image without looking at it: patient, acquisition, size; a thumbnail."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from datamodules.cases import Case
from datamodules.labelled import LabelledData
from datamodules.table_features import SITE, Value, encode, fit_columns, values_of

Array = npt.NDArray[np.float32]

IMAGE_SIZE = "image size"
FEWEST = 5
"""A column says nothing unless so many training cases differ in it from the others."""


def acquisition_features(
    data: LabelledData, indices: Sequence[int], fitted: int
) -> dict[str, Array]:
    """Columns of each attribute, of the site and of the image's size, by name.

    Numbers are standardised, and where some are missing a column says so; text has a column for
    each value, but for rare ones. The image's size is both: one size is often one scanner's.

    Args:
        data: Prepared.
        indices: Cases, the training cases first.
        fitted: How many of them are training cases: all statistics are theirs.

    Returns:
        float32 ``(n, K)`` each; what does not differ between training cases is left out.
    """
    known = [data.table.cases[index] for index in indices]
    named = dict.fromkeys(name for case in known for name in (*case.attributes, SITE))
    sizes = [_size(data, index) for index in indices]
    groups = {**{name: (name,) for name in named}, IMAGE_SIZE: tuple(sizes[0])}
    cases = [
        replace(case, attributes={**case.attributes, **size})
        for case, size in zip(known, sizes, strict=True)
    ]
    found = {kind: _columns(names, cases, fitted) for kind, names in groups.items()}
    return {kind: columns for kind, columns in found.items() if columns.shape[1]}


def thumbnail_features(data: LabelledData, indices: Sequence[int], fitted: int) -> Array:
    """Grey values of each image, made tiny, standardised, float32 ``(n, K)``.

    Args:
        data: Prepared.
        indices: Cases, the training cases first.
        fitted: How many of them are training cases: mean and spread are theirs.
    """
    values = np.stack([data.thumbnail_of(index) for index in indices])
    spread = values[:fitted].std(axis=0)
    return np.asarray((values - values[:fitted].mean(axis=0)) / np.where(spread > 0, spread, 1))


def _size(data: LabelledData, index: int) -> dict[str, Value]:
    """The size of the original image, as attributes of the case."""
    sizes = data.original_size(index).items()
    return {f"{IMAGE_SIZE}: {what}": size for what, size in sizes}


def _columns(names: Sequence[str], cases: Sequence[Case], fitted: int) -> Array:
    """All columns of some attributes, without those that say nothing in training."""
    training = cases[:fitted]
    given = [name for name in names if any(v is not None for v in values_of(name, training))]
    columns = encode(fit_columns(given, training), cases)
    unusual = (columns[:fitted] != np.median(columns[:fitted], axis=0)).sum(axis=0)
    return columns[:, unusual >= FEWEST]
