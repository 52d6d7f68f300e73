"""What is wrong with a setting, in words."""

import re
from collections.abc import Callable, Iterable
from typing import get_args

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from datamodules.schema import Settings
from experiments.setting_tree import SettingPath, members
from experiments.suggestions import suggestion

_WORDING = {
    "greater_than_equal": "must be at least {ge:g}",
    "greater_than": "must be greater than {gt:g}",
    "less_than_equal": "must be at most {le:g}",
    "less_than": "must be less than {lt:g}",
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "bool_parsing": "must be True or False",
    "bool_type": "must be True or False",
    "string_type": "must be text",
    "string_pattern_mismatch": "must match {pattern}",
    "tuple_type": "must be a list",
    "model_type": "must be a mapping of settings",
    "model_attributes_type": "must be a mapping of settings",
    "literal_error": "must be {expected}",
}
"""Pydantic's error types that go on with the value that was given."""


def explain(
    error: ValidationError, model: type[Settings], name: Callable[[SettingPath], str] = ".".join
) -> list[str]:
    """Say in one line for each setting what is wrong with it.

    Args:
        error: What validating ``model`` raised.
        model: The settings at the root.
        name: Spells the path of a setting; dotted by default.
    """
    lines: dict[str, list[str]] = {}
    for item in error.errors(include_url=False):
        path, owner = _locate(model, item["loc"])
        place = name(path) if path else "the experiment"
        lines.setdefault(place, []).append(_in_words(item, path, owner))
    return [f"{place} {' or '.join(dict.fromkeys(words))}" for place, words in lines.items()]


def _locate(
    model: type[Settings], location: tuple[int | str, ...]
) -> tuple[SettingPath, type[Settings]]:
    """Path of a setting, and the model that holds it; pydantic's location names kinds as well."""
    path: list[str] = []
    owner = model
    inner: type[Settings] | None = model
    kinds: dict[str, type[Settings]] = {}
    for part in map(str, location):
        if part in kinds:
            inner, kinds = kinds[part], {}
        elif inner is None:
            break
        else:
            path.append(part)
            owner = inner
            inner, kinds = _inside(inner, part)
    return tuple(path), owner


def _inside(
    model: type[Settings], name: str
) -> tuple[type[Settings] | None, dict[str, type[Settings]]]:
    if name not in model.model_fields:
        return None, {}
    annotation: object = model.model_fields[name].annotation
    kinds = members(model.model_fields[name])
    if isinstance(annotation, type) and issubclass(annotation, Settings):
        return annotation, kinds
    return None, kinds


def _in_words(item: ErrorDetails, path: SettingPath, owner: type[Settings]) -> str:
    field = owner.model_fields.get(path[-1]) if path else None
    match item["type"]:
        case "extra_forbidden":
            return "is not a setting" + suggestion(path[-1], owner.model_fields)
        case "missing" if isinstance(item["loc"][-1], int) and field is not None:
            return f"takes {len(get_args(field.annotation))} values, not {len(item['input'])}"
        case "missing":
            return "is missing"
        case "too_long":
            return "takes {max_length} values, not {actual_length}".format(**item["ctx"])
        case "union_tag_not_found" if field is not None:
            return f"needs a kind: {', '.join(members(field))}"
        case "union_tag_invalid" if field is not None:
            return unknown_kind(item["ctx"]["tag"], members(field), "kind")
        case "value_error":
            return f"is wrong: {item['ctx']['error']}"
    return _with_input(item)


def unknown_kind(kind: str, known: Iterable[str], field: str) -> str:
    """Say which kinds there are, and the nearest to the one that was given."""
    known = list(known)
    return f"{field} must be one of {', '.join(known)}, not {kind}{suggestion(kind, known)}"


def _with_input(item: ErrorDetails) -> str:
    wording = _WORDING.get(item["type"])
    text = wording.format(**item.get("ctx", {})) if wording else item["msg"]
    given = item["input"]
    if item["type"] in ("literal_error", "string_type") and isinstance(given, int | float):
        return f"{text}, not {given} (in YAML it needs the quotes)"
    if item["type"] != "literal_error" or not isinstance(given, str):
        return f"{text}, not {given}"
    choices = re.findall(r"'([^']*)'", text)
    unquoted = text.replace("'", "")
    return f"{unquoted}, not {given}{suggestion(given, choices)}"
