"""The ``lightbox`` command: one word for every verb of this package."""

import ast
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from datamodules.errors import ConfigError
from experiments.exit_codes import guarded
from experiments.suggestions import suggestion

VERBS = (
    *("run", "status", "sweep", "cross-validate", "check", "plan", "prepare"),
    *("predict", "explain", "evaluate", "report", "dashboard", "sync", "benchmark"),
)
"""Modules of this package with a ``main(argv) -> int``; hyphens on the command line."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the verb that the first word names, with the other words; return its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    return guarded(lambda: _dispatch(words))


def _dispatch(words: list[str]) -> int:
    if not words or words[0] in ("-h", "--help"):
        print(_overview())
        return 0
    if words[0] == "--version":
        print(f"lightbox {version('lightbox')}")
        return 0
    if words[0] not in VERBS:
        raise ConfigError(
            f"there is no verb {words[0]}{suggestion(words[0], VERBS)}\n{_overview()}"
        )
    code: int = import_module(f"experiments.{words[0].replace('-', '_')}").main(words[1:])
    return code


def _overview() -> str:
    lines = [f"  {verb:<18}{_summary(verb)}" for verb in VERBS]
    return "\n".join(["usage: lightbox VERB ...", "", *lines, "", "More: lightbox VERB --help"])


def _summary(verb: str) -> str:
    """What the module's docstring says of it; read, not imported: some verbs import torch."""
    spec = find_spec(f"experiments.{verb.replace('-', '_')}")
    if spec is None or spec.origin is None:
        return ""
    text = ast.get_docstring(ast.parse(Path(spec.origin).read_text(encoding="utf-8"))) or ""
    return text.partition("\n")[0].rpartition("``: ")[2]
