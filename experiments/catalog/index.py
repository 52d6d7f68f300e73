"""Finds the named experiments: every public function of this package that returns an Experiment."""

import inspect
import pkgutil
import textwrap
from collections.abc import Callable, Iterator
from importlib import import_module
from types import ModuleType

import experiments.catalog as catalog
from datamodules.errors import ConfigError
from experiments.experiment import Experiment
from experiments.suggestions import suggestion

Recipe = Callable[[], Experiment]
"""A function of the catalog; its name with hyphens is the experiment's."""

_WIDTH = 100


def find(name: str) -> Experiment:
    """Build the experiment of a name.

    Raises:
        ConfigError: If there is none; the message holds the nearest name.
    """
    return recipe(name)()


def recipe(name: str) -> Recipe:
    """Look up the function behind the name of an experiment.

    Raises:
        ConfigError: If there is none; the message holds the nearest name.
    """
    recipes = {each: recipe for module in _modules() for each, recipe in recipes_of(module).items()}
    key = name.replace("_", "-")
    if key not in recipes:
        raise ConfigError(
            f"there is no experiment {name}{suggestion(key, recipes)}\n"
            "The names are listed by: python -m experiments.run"
        )
    return recipes[key]


def listing() -> str:
    """Every experiment in one line, grouped by task, for a terminal of 100 columns."""
    groups = {summary(module).partition(":")[0]: recipes_of(module) for module in _modules()}
    indent = max((len(name) for group in groups.values() for name in group), default=0) + 4
    lines = ["usage: python -m experiments.run NAME [options]"]
    for title, recipes in groups.items():
        lines += ["", title, *(_line(name, recipe, indent) for name, recipe in recipes.items())]
    return "\n".join(
        [
            *lines,
            "",
            "All options of one:  python -m experiments.run NAME --help",
            "As a YAML file:      python -m experiments.run NAME --print-config > my.yaml",
            "From a YAML file:    python -m experiments.run --config my.yaml [options]",
            "Go on with a run:    python -m experiments.run --resume RUN_FOLDER",
        ]
    )


def recipes_of(module: ModuleType) -> dict[str, Recipe]:
    """The experiments of one catalog module by name, in the order of the file."""
    return {
        name.replace("_", "-"): function
        for name, function in vars(module).items()
        if inspect.isfunction(function)
        and not name.startswith("_")
        and function.__module__ == module.__name__
        and inspect.signature(function, eval_str=True).return_annotation is Experiment
    }


def _modules() -> Iterator[ModuleType]:
    for entry in pkgutil.iter_modules(catalog.__path__, f"{catalog.__name__}."):
        if entry.name != __name__:
            yield import_module(entry.name)


def _line(name: str, recipe: Recipe, indent: int) -> str:
    return textwrap.fill(
        summary(recipe),
        width=_WIDTH,
        initial_indent=f"  {name}".ljust(indent),
        subsequent_indent=" " * indent,
        break_on_hyphens=False,
    )


def summary(documented: object) -> str:
    """First line of a docstring, without its full stop."""
    return (inspect.getdoc(documented) or "").partition("\n")[0].rstrip(".")
