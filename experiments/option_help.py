"""The page that ``--help`` shows: every option of one experiment, with its kinds and defaults."""

import io
import os
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import field, fields, make_dataclass
from shutil import get_terminal_size
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin

import tyro

from datamodules.schema import Settings
from experiments.catalog.index import summary
from experiments.experiment import Experiment
from experiments.setting_tree import SettingPath, members

_WIDEST = 100


def help_text(
    experiment: Experiment,
    command: str,
    description: Sequence[str],
    shown: Callable[[SettingPath], bool],
) -> str:
    """Lay out the options of an experiment for the width of the terminal.

    Args:
        experiment: Its values are the defaults, and its members decide which options there are.
        command: What comes before the options.
        description: Paragraphs above the options.
        shown: Tells which settings are options here.
    """
    page = io.StringIO()
    defaults = _form(experiment, (), {}, shown)
    width = min(get_terminal_size().columns, _WIDEST)
    with _columns(width), redirect_stdout(page), suppress(SystemExit):
        tyro.cli(type(defaults), description="", args=["--help"], default=defaults)
    options = page.getvalue().partition("\n\n")[2]
    paragraphs = [textwrap.fill(each, width) for each in description if each]
    body = "\n".join(map(str.rstrip, options.rstrip().split("\n")))
    return "\n\n".join((f"usage: {command} [options]", *paragraphs, body))


@contextmanager
def _columns(width: int) -> Iterator[None]:
    """Let tyro believe in a terminal of this width; in a wide one it sets several columns."""
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = str(width)
    try:
        yield
    finally:
        del os.environ["COLUMNS"]
        os.environ.update({} if before is None else {"COLUMNS": before})


def _form(
    owner: Settings,
    path: SettingPath,
    kinds: Mapping[str, type[Settings]],
    shown: Callable[[SettingPath], bool],
) -> Any:  # noqa: ANN401 - an instance of a dataclass made here
    """Settings as a dataclass that has, for each union, the fields of its chosen member only."""
    entries = []
    for name, info in type(owner).model_fields.items():
        value, here = getattr(owner, name), (*path, name)
        if isinstance(value, Settings):
            group = _form(value, here, members(info), shown)
            if fields(group):
                heading = tyro.conf.arg(help=_one_line(type(owner).explanation(name)))
                entries.append((name, Annotated[type(group), heading], field(default=group)))
        elif name == "kind" and kinds and shown(here):
            entries.insert(0, _kind_entry(value, kinds))
        elif shown(here) and not _is_fixed(info.annotation):
            text = _one_line(type(owner).explanation(name))
            entries.append(_argument(name, _metavar(info.annotation), text, value))
    return make_dataclass(type(owner).__name__, entries, frozen=True)()


def _kind_entry(kind: object, kinds: Mapping[str, type[Settings]]) -> tuple[str, Any, Any]:
    lines = [f"{each}: {summary(model)}" for each, model in kinds.items()]
    text = "\n".join((*lines, "Each brings its own options."))
    return _argument("kind", f"{{{','.join(kinds)}}}", text, kind)


def _argument(name: str, metavar: str, text: str, value: object) -> tuple[str, Any, Any]:
    default = f"(default: {_spelled(value)})"
    argument = tyro.conf.arg(help=text, metavar=metavar, help_behavior_hint=default)
    return name, Annotated[str, argument], field(default="")


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _metavar(annotation: Any) -> str:  # noqa: ANN401 - any type that a field can have
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _metavar(arguments[0])
    if origin is Literal:
        return f"{{{','.join(map(str, arguments))}}}"
    if origin is tuple and arguments[-1] is Ellipsis:
        return f"[{_metavar(arguments[0]).replace(' ', ',')} ...]"
    if arguments:
        return (" " if origin is tuple else "|").join(map(_metavar, arguments))
    names = {bool: "{True,False}", NoneType: "none"}
    return names.get(annotation) or annotation.__name__.upper()


def _spelled(value: object) -> str:
    if isinstance(value, tuple):
        rows = (",".join(map(str, e)) if isinstance(e, tuple) else str(e) for e in value)
        return " ".join(rows) or "empty"
    return "none" if value is None else str(value) or "empty"


def _is_fixed(annotation: object) -> bool:
    return get_origin(annotation) is Literal and len(get_args(annotation)) == 1
