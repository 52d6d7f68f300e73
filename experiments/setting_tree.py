"""The settings of an experiment one by one: their paths, and the kinds that each can have."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

from pydantic.fields import FieldInfo

from datamodules.schema import Settings

SettingPath = tuple[str, ...]


@dataclass(frozen=True)
class Setting:
    """One field that holds a value, not further fields."""

    path: SettingPath
    """Names from the experiment down, such as ``("trainer", "max_epochs")``."""
    field: FieldInfo
    value: object
    kinds: Mapping[str, type[Settings]]
    """For the kind of a union: its members by kind; else empty."""
    owner: type[Settings]
    """Whose field it is."""

    @property
    def explanation(self) -> str:
        """What its docstring says."""
        return self.owner.explanation(self.path[-1])

    @property
    def option(self) -> str:
        """The setting on the command line."""
        return option_name(self.path)


def option_name(path: Sequence[str]) -> str:
    """Spell a path as an option: ``("trainer", "max_epochs")`` is ``--trainer.max-epochs``."""
    return "--" + ".".join(path).replace("_", "-")


def members(field: FieldInfo) -> dict[str, type[Settings]]:
    """Members of a union of settings by their kind; empty for any other field."""
    candidates = get_args(field.annotation)
    models = [each for each in candidates if isinstance(each, type) and issubclass(each, Settings)]
    return {model.model_fields["kind"].default: model for model in models}


def settings_of(
    owner: Settings, path: SettingPath = (), kinds: Mapping[str, type[Settings]] | None = None
) -> Iterator[Setting]:
    """List the settings below ``owner`` in order; ``kinds`` are those of the union it came from."""
    for name, info in type(owner).model_fields.items():
        value = getattr(owner, name)
        if isinstance(value, Settings):
            yield from settings_of(value, (*path, name), members(info))
        else:
            choice = kinds if kinds and name == "kind" else {}
            yield Setting((*path, name), info, value, choice, type(owner))


def by_option(owner: Settings) -> dict[str, Setting]:
    """The settings below ``owner`` by their option."""
    return {setting.option: setting for setting in settings_of(owner)}
