"""The page that ``--help`` shows: every option of one experiment, with its kinds and defaults."""

import io
import textwrap
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout, suppress
from dataclasses import field, fields, make_dataclass
from shutil import get_terminal_size
from typing import Annotated, Any, Literal, get_args, get_origin

import tyro

from datamodules.schema import Settings
from experiments.catalog.index import summary
from experiments.experiment import Experiment
from experiments.setting_tree import SettingPath, members


def help_text(
    experiment: Experiment,
    command: str,
    description: Sequence[str],
    shown: Callable[[SettingPath], bool] | None = None,
) -> str:
    """Lay out the options of an experiment for the width of the terminal.

    Args:
        experiment: Its values are the defaults, and its members decide which options there are.
        command: What comes before the options.
        description: Paragraphs above the options.
        shown: Tells which settings are options here; all, if not given.
    """
    width = get_terminal_size().columns
    page = io.StringIO()
    defaults = _form(experiment, (), {}, shown or _every)
    with redirect_stdout(page), suppress(SystemExit):
        tyro.cli(
            type(defaults),
            prog=command,
            description="\n\n".join(textwrap.fill(part, width) for part in description),
            args=["--help"],
            default=defaults,
            config=(tyro.conf.FlagConversionOff,),
        )
    return "\n".join(line.rstrip() for line in page.getvalue().rstrip().split("\n"))


def _form(
    owner: Settings,
    path: SettingPath,
    kinds: Mapping[str, type[Settings]],
    shown: Callable[[SettingPath], bool],
) -> Any:  # noqa: ANN401 - an instance of a dataclass made here
    """Settings as a dataclass in which a union is its chosen member; tyro alone asks for it first."""
    entries = []
    for name, info in type(owner).model_fields.items():
        value, here = getattr(owner, name), (*path, name)
        if isinstance(value, Settings):
            group = _form(value, here, members(info), shown)
            if fields(group):
                entries.append(_entry(name, type(group), group, info.description or ""))
        elif name == "kind" and kinds and shown(here):
            entries.insert(0, _entry(name, Literal[tuple(kinds)], value, _kinds_text(kinds)))
        elif shown(here) and not _is_fixed(info.annotation):
            entries.append(_entry(name, info.annotation, value, info.description or ""))
    return make_dataclass(type(owner).__name__, entries, frozen=True)()


def _entry(name: str, annotation: Any, default: object, text: str) -> tuple[str, Any, Any]:  # noqa: ANN401
    nothing = "(default: none)" if default in ((), "") else None
    argument = tyro.conf.arg(help=text, help_behavior_hint=nothing)
    return name, Annotated[annotation, argument], field(default=default)


def _kinds_text(kinds: Mapping[str, type[Settings]]) -> str:
    return "\n".join(f"{kind}: {summary(model)}" for kind, model in kinds.items())


def _is_fixed(annotation: object) -> bool:
    return get_origin(annotation) is Literal and len(get_args(annotation)) == 1


def _every(path: SettingPath) -> bool:
    return True
