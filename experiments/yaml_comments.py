"""An experiment as YAML in which every setting carries its explanation."""

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, get_args, get_origin

import yaml
from pydantic.fields import FieldInfo

from datamodules.schema import Settings
from experiments.experiment import Experiment, as_yaml
from experiments.setting_tree import members

_WIDTH = 100


def commented_yaml(experiment: Experiment) -> str:
    """Complete YAML with comments; reading it gives an equal experiment."""
    head = "# An experiment; to run it: python -m experiments.run --config FILE\n\n"
    return head + "\n".join(_lines(experiment, experiment.model_dump(mode="json"), {})) + "\n"


def _lines(
    owner: Settings, values: dict[str, Any], kinds: Mapping[str, type[Settings]]
) -> Iterator[str]:
    for name in sorted(values, key=lambda name: name != "kind"):
        field, value = type(owner).model_fields[name], getattr(owner, name)
        choices = tuple(kinds) if name == "kind" and kinds else _choices(field)
        yield from _comment(type(owner).explanation(name), choices)
        if isinstance(value, Settings):
            yield f"{name}:"
            inner = _lines(value, values[name], members(field))
            yield from (f"  {line}" if line else line for line in inner)
        else:
            yield from _entry(name, values[name])


def _comment(explanation: str, choices: Sequence[object]) -> Iterator[str]:
    spelled = [yaml.safe_dump([choice])[2:].rstrip() for choice in choices]
    one_of = f"one of: {', '.join(spelled)}" if len(spelled) > 1 else ""
    for text in (explanation, one_of):
        yield from textwrap.wrap(text, _WIDTH - 8, initial_indent="# ", subsequent_indent="# ")


def _choices(field: FieldInfo) -> Sequence[object]:
    return get_args(field.annotation) if get_origin(field.annotation) is Literal else ()


def _entry(name: str, value: object) -> list[str]:
    flow = None if isinstance(value, list | dict) else False
    text = as_yaml({name: value}, default_flow_style=flow, width=_WIDTH - 8)
    return text.rstrip("\n").split("\n")
