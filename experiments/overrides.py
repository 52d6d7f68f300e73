"""An experiment changed by options: other members of its unions, other values of its settings."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from inspect import get_annotations
from typing import Any, Literal, TypeVar, get_args, get_origin

from pydantic import ValidationError

from datamodules.errors import ConfigError
from datamodules.schema import Settings, is_local_path
from experiments.experiment import Experiment
from experiments.setting_errors import explain, unknown_kind
from experiments.setting_tree import Setting, SettingPath, by_option, option_name, settings_of

S = TypeVar("S", bound=Settings)
Options = Mapping[str, Sequence[str]]
"""The words given for each option, such as ``{"--data.labels": ["Nodule", "Mass"]}``."""
EMPTY = "empty"
"""The word for a list without anything in it, where the list may also be absent."""


def with_kinds(experiment: Experiment, options: Options) -> Experiment:
    """Put the members that ``--*.kind`` options name in place of the experiment's own.

    Outer unions come first, as they decide which inner ones there are.

    Raises:
        ConfigError: If a kind is unknown.
    """
    for option in sorted(options, key=lambda option: option.count(".")):
        setting = by_option(experiment).get(option)
        if setting is not None and setting.kinds:
            experiment = _with_member(experiment, setting, single_value(setting, options[option]))
    return experiment


def _with_member(experiment: Experiment, setting: Setting, kind: str) -> Experiment:
    if kind not in setting.kinds:
        raise ConfigError(unknown_kind(kind, setting.kinds, setting.option))
    if kind == setting.value:
        return experiment
    return _exchanged(experiment, setting.path[:-1], setting.kinds[kind])


def _exchanged(owner: S, path: SettingPath, new: type[Settings]) -> S:
    """Copy with another member at a path; only the member is validated, as its peers may follow."""
    name, *below = path
    old: Settings = getattr(owner, name)
    value = _exchanged(old, tuple(below), new) if below else new(**_kept_values(old, new))
    return owner.model_copy(update={name: value})


def _kept_values(old: Settings, new: type[Settings]) -> dict[str, object]:
    """Values that mean the same in both members: those of fields from a base of both.

    A local path is not kept: the root of one dataset layout is no root of another.
    """
    values = old.model_dump()
    return {
        name: values[name]
        for name, field in new.model_fields.items()
        if _declarer(new, name) is _declarer(type(old), name) and not is_local_path(field)
    }


def _declarer(model: type[Settings], name: str) -> type | None:
    return next((base for base in model.__mro__ if name in get_annotations(base)), None)


def with_values(experiment: Experiment, options: Options) -> Experiment:
    """Set each setting that ``options`` name to the words given for it.

    Raises:
        ConfigError: If an option is unknown, or if a value is missing, of the wrong type or out
            of range; the message lists every wrong value.
    """
    known = by_option(experiment)
    tree = experiment.model_dump()
    for option, words in options.items():
        if option not in known:
            raise ConfigError(_unknown_option(option, experiment))
        _put(tree, known[option].path, _value(known[option], words))
    try:
        return type(experiment).model_validate(tree)
    except ValidationError as error:
        wrong = explain(error, type(experiment), option_name)
        first = "" if len(wrong) == 1 else f"{len(wrong)} settings are wrong:\n  "
        raise ConfigError(first + "\n  ".join(wrong)) from error


def _put(tree: dict[str, Any], path: SettingPath, value: object) -> None:
    *parents, last = path
    for name in parents:
        tree = tree[name]
    tree[last] = value


def _value(setting: Setting, words: Sequence[str]) -> object:
    """What words mean: a list of them, rows of numbers such as ``3,3,1 3,3,3``, or one."""
    annotation = setting.field.annotation
    optional = type(None) in get_args(annotation)
    if optional and [word.lower() for word in words] == ["none"]:
        return None
    if lists := _lists(annotation):
        if optional and not words:
            raise ConfigError(f"{setting.option} needs a value, or {EMPTY}, or none")
        if optional and list(words) == [EMPTY]:
            return []
        rows = any(get_origin(item) is tuple for each in lists for item in get_args(each))
        return [word.split(",") for word in words] if rows else list(words)
    word = single_value(setting, words)
    return {str(choice): choice for choice in _choices(annotation)}.get(word, word)


def _choices(annotation: object) -> list[object]:
    """Values of a literal, which may be numbers, or of the literals among alternatives."""
    literals = [each for each in (annotation, *get_args(annotation)) if get_origin(each) is Literal]
    return [choice for each in literals for choice in get_args(each)]


def _lists(annotation: object) -> list[object]:
    """The annotation if it is a list, else the lists among its alternatives."""
    return [each for each in (annotation, *get_args(annotation)) if get_origin(each) is tuple]


def single_value(setting: Setting, words: Sequence[str]) -> str:
    """The one word given for a setting.

    Raises:
        ConfigError: If there is none, or more than one.
    """
    if not words:
        yes_or_no = ": True or False" * (setting.field.annotation is bool)
        raise ConfigError(f"{setting.option} needs a value{yes_or_no}")
    if len(words) > 1:
        raise ConfigError(
            f"{setting.option} takes one value, not {len(words)}: {' '.join(words)}"
            " (a value with blanks needs quotes)"
        )
    return words[0]


def _unknown_option(option: str, experiment: Experiment) -> str:
    if below := [each for each in by_option(experiment) if each.startswith(f"{option}.")]:
        return f"{option} is a group of options, such as {below[0]}; --help shows them"
    group, _, name = option.rpartition(".")
    for setting in settings_of(experiment):
        owners = [kind for kind, member in setting.kinds.items() if _has(member, name)]
        if owners and setting.option == f"{group}.kind":
            return f"{option} needs {setting.option} {' or '.join(owners)}; it is {setting.value}"
    nearest = _nearest_option(option, list(by_option(experiment)))
    return f"there is no option {option}" + f"; did you mean {nearest}?" * bool(nearest)


def _has(member: type[Settings], name: str) -> bool:
    return name.replace("-", "_") in member.model_fields


def _nearest_option(option: str, known: Sequence[str]) -> str:
    """The option meant: the one of that last name, or of a similar path, or a similar last name."""
    by_last_name: dict[str, list[str]] = {}
    for each in known:
        by_last_name.setdefault(_last_name(each), []).append(each)
    if len(same := by_last_name.get(_last_name(option), [])) == 1:
        return same[0]
    similar = get_close_matches(option, known, n=1)
    similar_names = get_close_matches(_last_name(option), by_last_name, n=1)
    return (similar or [by_last_name[name][0] for name in similar_names] or [""])[0]


def _last_name(option: str) -> str:
    return option.lstrip("-").rpartition(".")[2]
