"""What a table knows of a case (age, sex, view ...) as numbers that a model can use."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import isfinite
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from datamodules.cases import Case
from datamodules.errors import ConfigError

Value = str | float | None
SITE = "site"
MOST_LEVELS = 20
"""Values of a text column beyond this many, the rarest, count as not known."""
FARTHEST = 10.0
"""Standard deviations at which a number stops to count: an age of 999 is a mistake."""


@dataclass(frozen=True)
class TableColumn:
    """How one attribute becomes numbers; fitted on training cases only, kept in checkpoints.

    Attributes:
        name: Of the attribute, or ``site``.
        levels: For text: its values, one number each; a value that is none of them is all zeros.
        mean, std: For numbers: those of the training cases. A number takes two columns: the
            standardised value (0 where not known), and whether it is known.
    """

    name: str
    levels: tuple[str, ...] = ()
    mean: float = 0.0
    std: float = 1.0

    @property
    def width(self) -> int:
        """Numbers that it takes."""
        return len(self.levels) or 2

    def encode(self, values: Sequence[Value]) -> NDArray[np.float32]:
        """Values of ``n`` cases as float32 ``(n, width)``."""
        if self.levels:
            rows = [[float(str(value) == level) for level in self.levels] for value in values]
            return np.array(rows, np.float32).reshape(len(values), self.width)
        numbers = np.array([_number(value) for value in values], np.float64)
        known = np.isfinite(numbers)
        scaled = np.where(known, (np.where(known, numbers, 0) - self.mean) / self.std, 0)
        scaled = np.clip(scaled, -FARTHEST, FARTHEST)
        return np.stack([scaled, known], axis=1).astype(np.float32)

    def knows(self, value: str | float) -> bool:
        """Whether a value says anything to the model."""
        return str(value) in self.levels if self.levels else isfinite(_number(value))

    def to_dict(self) -> dict[str, Any]:
        """Plain containers."""
        return {**asdict(self), "levels": list(self.levels)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Inverse of :meth:`to_dict`."""
        return cls(**{**values, "levels": tuple(values["levels"])})


def fit_columns(names: Sequence[str], cases: Sequence[Case]) -> tuple[TableColumn, ...]:
    """Learn from training cases how each attribute becomes numbers.

    Args:
        names: Attributes; ``site`` is one, too.
        cases: The training cases.

    Raises:
        ConfigError: If no case has such an attribute.
    """
    return tuple(_fit(name, values_of(name, cases), cases) for name in names)


def encode(columns: Sequence[TableColumn], cases: Sequence[Case]) -> NDArray[np.float32]:
    """All columns side by side, float32 ``(n, sum of widths)``."""
    parts = [column.encode(values_of(column.name, cases)) for column in columns]
    return np.concatenate([np.zeros((len(cases), 0), np.float32), *parts], axis=1)


def check_known(columns: Sequence[TableColumn], cases: Sequence[Case]) -> list[str]:
    """Compare the cases of another dataset with what a trained model knows.

    Returns:
        One sentence for each column with values that the model has to take for not known.

    Raises:
        ConfigError: If no case has an attribute that the model uses.
    """
    notices = []
    for column in columns:
        values = [value for value in values_of(column.name, cases) if value is not None]
        if not values:
            raise ConfigError(
                f"the model also uses '{column.name}', which no case of this dataset has: name its"
                " column in the reader (attribute_columns, site_column)"
            )
        strange = Counter(str(value) for value in values if not column.knows(value))
        if strange:
            listed = ", ".join(f"'{value}' ({n})" for value, n in strange.most_common(5))
            notices.append(
                f"Values of {column.name} that the model does not know, counted as not given:"
                f" {listed}{', ...' if len(strange) > 5 else ''}; it knows"
                f" {', '.join(column.levels) or 'numbers'}."
            )
    return notices


def values_of(name: str, cases: Sequence[Case]) -> list[Value]:
    """One attribute of each case; None where it is not known."""
    if name == SITE:
        return [case.site for case in cases]
    return [case.attributes.get(name) for case in cases]


def _fit(name: str, values: Sequence[Value], cases: Sequence[Case]) -> TableColumn:
    known = [value for value in values if isinstance(value, str) or isfinite(_number(value))]
    if not known:
        there = dict.fromkeys(each for case in cases for each in case.attributes)
        raise ConfigError(
            f"--data.table-features: no training case has '{name}'; they have"
            f" {', '.join(there) or 'no attributes'}"
        )
    if any(isinstance(value, str) for value in known):
        texts, counts = np.unique([str(value) for value in known], return_counts=True)
        kept = np.argsort(-counts, kind="stable")[:MOST_LEVELS]
        return TableColumn(name, levels=tuple(sorted(str(texts[index]) for index in kept)))
    numbers = np.array(known, np.float64)
    mean, std = float(numbers.mean()), float(numbers.std())
    is_constant = std <= 1e-6 * max(1.0, abs(mean))
    return TableColumn(name, mean=mean, std=1.0 if is_constant else std)


def _number(value: Value) -> float:
    try:
        return float("nan") if value is None else float(value)
    except ValueError:
        return float("nan")
