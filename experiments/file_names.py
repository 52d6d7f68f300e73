"""What the files are called that predictions of a case are written to."""

from collections.abc import Iterable

from datamodules.errors import ConfigError


def flat_name(name: str) -> str:
    """The name of a case, which may have folders in it, as that of one file."""
    return name.replace("/", "__").replace(" ", "_")


def check_file_names(names: Iterable[str]) -> None:
    """Look whether each case has a file of its own.

    Raises:
        ConfigError: If two would be written to one.
    """
    taken: dict[str, str] = {}
    for name in names:
        if (other := taken.setdefault(flat_name(name), name)) != name:
            raise ConfigError(
                f"the files of '{other}' and '{name}' would have one name; rename one"
            )
