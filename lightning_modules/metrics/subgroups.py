"""Subgroups of cases by their attributes: sex, age band, view, site ..."""

import re
from collections.abc import Iterable, Mapping

import numpy as np

MOST_VALUES = 50
"""An attribute with more values than this names cases rather than groups, and is left out."""
AGE_BANDS = ((0, 18, "0-17"), (18, 40, "18-39"), (40, 65, "40-64"), (65, 150, "65+"))
NOT_GIVEN = "not given"
SMALLEST_GROUP = 10
"""Cases below which a subgroup has no figures."""

Value = str | float | None


def subgroups(
    cases: Iterable[str], attributes: Mapping[str, Mapping[str, Value]]
) -> dict[str, list[str]]:
    """Group cases by every attribute that any of them has.

    Text groups as it is. A number named ``age`` (in years) falls into 0-17, 18-39, 40-64 and 65+;
    any other with more than three values into tertiles. A case without a value is ``not given``.

    Args:
        cases: Case ids.
        attributes: Attributes by case id.

    Returns:
        Case ids by ``attribute=value``, in the order of attributes and values.
    """
    ids = list(cases)
    given = {name: None for case in ids for name in attributes.get(case, {})}
    groups: dict[str, list[str]] = {}
    for name in given:
        values = [_clean(attributes.get(case, {}).get(name)) for case in ids]
        names = _names(name, values)
        if len(set(names)) > MOST_VALUES or set(names) == {NOT_GIVEN}:
            continue
        for value in sorted(set(names), key=lambda text: _order(text, names, values)):
            groups[f"{name}={value}"] = [
                case for case, own in zip(ids, names, strict=True) if own == value
            ]
    return groups


def _clean(value: Value) -> Value:
    missing = value is None or value == "" or (isinstance(value, float) and not np.isfinite(value))
    return None if missing else value


def _names(attribute: str, values: list[Value]) -> list[str]:
    """Group that each value belongs to."""
    numbers = [float(value) for value in values if value is not None and not isinstance(value, str)]
    if any(isinstance(value, str) for value in values):
        return [NOT_GIVEN if value is None else str(value) for value in values]
    if re.search(r"(^|[\W_])age($|[\W_])", attribute.lower()):
        return [_age_band(value) for value in values]
    if len(set(numbers)) <= 3:
        return [NOT_GIVEN if value is None else f"{value:g}" for value in values]
    low, high = np.quantile(numbers, [1 / 3, 2 / 3])
    return [_tertile(value, float(low), float(high)) for value in values]


def _age_band(value: Value) -> str:
    bands = (
        name for low, high, name in AGE_BANDS if value is not None and low <= float(value) < high
    )
    return next(bands, NOT_GIVEN)


def _tertile(value: Value, low: float, high: float) -> str:
    if value is None:
        return NOT_GIVEN
    if float(value) <= low:
        return f"up to {low:.4g}"
    return f"above {high:.4g}" if float(value) > high else f"{low:.4g} to {high:.4g}"


def _order(name: str, names: list[str], values: list[Value]) -> tuple[bool, float, str]:
    """Numbers by size, text by the alphabet, what is not given last."""
    smallest = [
        float(value)
        for own, value in zip(names, values, strict=True)
        if own == name and value is not None and not isinstance(value, str)
    ]
    return name == NOT_GIVEN, min(smallest, default=0.0), name
