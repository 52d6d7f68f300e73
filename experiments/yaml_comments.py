"""An experiment as YAML in which every setting carries its explanation."""

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, get_args, get_origin

import yaml
from pydantic.fields import FieldInfo

from datamodules.schema import Settings
from experiments.experiment import Experiment, as_yaml
from experiments.setting_tree import SettingPath, members

_WIDTH = 100


def commented_yaml(
    experiment: Experiment,
    reasons: Mapping[SettingPath, str] | None = None,
    notes: Sequence[str] = (),
) -> str:
    """Complete YAML with comments; reading it gives an equal experiment.

    Args:
        experiment: What is written.
        reasons: Why some settings have their values.
        notes: What the head says besides.
    """
    head = ["An experiment; to run it: python -m experiments.run --config FILE", *notes]
    lines = [line for text in head for line in _wrapped(text)]
    values = experiment.model_dump(mode="json")
    return "\n".join([*lines, "", *_lines(experiment, values, {}, reasons or {})]) + "\n"


def _lines(
    owner: Settings,
    values: dict[str, Any],
    kinds: Mapping[str, type[Settings]],
    reasons: Mapping[SettingPath, str],
) -> Iterator[str]:
    for name in sorted(values, key=lambda name: name != "kind"):
        field, value = type(owner).model_fields[name], getattr(owner, name)
        choices = tuple(kinds) if name == "kind" and kinds else _choices(field)
        yield from _comment(type(owner).explanation(name), choices)
        yield from _wrapped(reasons.get((name,), ""))
        if isinstance(value, Settings):
            yield f"{name}:"
            own = {path[1:]: text for path, text in reasons.items() if path[0] == name}
            inner = _lines(value, values[name], members(field), own)
            yield from (f"  {line}" if line else line for line in inner)
        else:
            yield from _entry(name, values[name])


def _comment(explanation: str, choices: Sequence[object]) -> Iterator[str]:
    spelled = [yaml.safe_dump([choice])[2:].rstrip() for choice in choices]
    one_of = f"one of: {', '.join(spelled)}" if len(spelled) > 1 else ""
    for text in (explanation, one_of):
        yield from _wrapped(text)


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH - 8, initial_indent="# ", subsequent_indent="# ")


def _choices(field: FieldInfo) -> Sequence[object]:
    return get_args(field.annotation) if get_origin(field.annotation) is Literal else ()


def _entry(name: str, value: object) -> list[str]:
    flow = None if isinstance(value, list | dict) else False
    text = as_yaml({name: value}, default_flow_style=flow, width=_WIDTH - 8)
    return text.rstrip("\n").split("\n")
