"""Names of YOLO's classes, from data.yaml or classes.txt."""

from collections.abc import Mapping
from pathlib import Path

from datamodules.cases import resolve
from datamodules.errors import DataError

PLACES = ("data.yaml", "dataset.yaml", "*.yaml", "*.yml", "classes.txt", "labels/classes.txt")


def read_names(root: Path, named: str | None) -> list[str]:
    """Names of the classes, in the order of their numbers.

    Args:
        root: Folder of the dataset.
        named: File that says them; None: it is looked for.

    Raises:
        DataError: If there is none, or none that can be used.
    """
    relative = _find(root) if named is None else named
    path = resolve(root, relative)
    if not path.is_file():
        raise DataError(f"there is no {relative} in the dataset's folder")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{relative} is not UTF-8 text") from error
    plain = path.suffix.lower() not in (".yaml", ".yml")
    names = [line.strip() for line in text.splitlines()] if plain else _of_yaml(text, relative)
    while names and not names[-1]:
        names.pop()
    if not names or not all(names) or len(set(names)) < len(names):
        raise DataError(f"{relative}: names of classes are absent, empty or given twice")
    return names


def _find(root: Path) -> str:
    for place in PLACES:
        for path in sorted(root.glob(place)):
            if path.suffix == ".txt" or "names" in path.read_text(errors="replace"):
                return path.relative_to(root).as_posix()
    raise DataError(
        "neither data.yaml nor classes.txt says what the classes are called; --data.reader.names "
        "names the file"
    )


def _of_yaml(text: str, relative: str) -> list[str]:
    import yaml

    try:
        content = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError) as error:
        raise DataError(f"{relative} is no YAML: {' '.join(str(error).split())}") from error
    names = content.get("names") if isinstance(content, Mapping) else None
    if isinstance(names, Mapping):
        if set(names) != set(range(len(names))):
            raise DataError(f"{relative}: the numbers of names are not 0, 1, 2, ...")
        names = [names[number] for number in range(len(names))]
    if not isinstance(names, list):
        raise DataError(f"{relative} has no list of names")
    return [str(name) for name in names]
