"""Volumes and images that belong to no dataset: found, and grouped by their channels."""

import os
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from datamodules.errors import ConfigError, readable
from datamodules.readers.file_templates import ENDINGS, without_ending

CHANNEL = re.compile(r"(.+)_(\d{4})")
"""``case_0000``, ``case_0001``: one file a channel, as nnU-Net has them."""
SERIES_ENDING = ".dcm"
MAGIC, MAGIC_AT = b"DICM", 128


def find_volumes(
    places: Sequence[Path], channels: int, output: Path | None = None
) -> dict[str, tuple[Path, ...]]:
    """Files of each case, by a name without an ending.

    A folder that holds DICOM files is one case, a series; of other folders, every file with the
    ending of an image counts, however deep. Of a model with several channels a case is one file
    that has them all, or the files that end in ``_0000``, ``_0001`` and so on.

    Args:
        places: Files and folders.
        channels: That the model was trained on.
        output: Where results are to go: nothing in it is taken.

    Raises:
        ConfigError: If a place does not exist, a channel is missing, or nothing is found.
    """
    if missing := [str(place) for place in places if not place.exists()]:
        raise ConfigError(f"there is no such file or folder: {', '.join(missing)}")
    found: dict[str, list[Path]] = defaultdict(list)
    for place in places:
        for path, name in _named(place, output):
            split = CHANNEL.fullmatch(name)
            is_channel = split is not None and int(split[2]) < channels
            found[split[1] if split and is_channel else name].append(path)
    if not found:
        raise ConfigError(f"no images in {', '.join(str(place) for place in places)}")
    for name, paths in found.items():
        if len(paths) not in (1, channels):
            listed = ", ".join(path.name for path in sorted(paths))
            raise ConfigError(
                f"'{name}' has {len(paths)} files ({listed}), and the model takes"
                f" {channels} channel{'s' * (channels > 1)}: give one file a case, or"
                f" {name}_0000 and so on, one a channel"
            )
    return {name: tuple(sorted(paths)) for name, paths in found.items()}


def _named(place: Path, output: Path | None) -> Iterator[tuple[Path, str]]:
    if place.is_file():
        yield place, readable(without_ending(place.name))
        return
    if _is_series(place):
        yield place, readable(place.resolve().name)
        return
    for parent, folders, files in os.walk(place):
        here = Path(parent)
        folders[:] = sorted(folders)
        if output is not None and here.resolve() == output.resolve():
            folders.clear()
            continue
        relative = here.relative_to(place)
        for name in sorted(files):
            if name.lower().endswith(ENDINGS) and not name.startswith("."):
                yield here / name, readable(str(relative / without_ending(name)))
        for name in list(folders):
            if _is_series(here / name):
                folders.remove(name)
                yield here / name, readable(str(relative / name))


def _is_series(folder: Path) -> bool:
    """Whether the first file of a folder is a DICOM file."""
    first = next((path for path in sorted(folder.iterdir()) if path.is_file()), None)
    if first is None:
        return False
    if first.name.lower().endswith(SERIES_ENDING):
        return True
    with first.open("rb") as file:
        head = file.read(MAGIC_AT + len(MAGIC))
    return head[MAGIC_AT:] == MAGIC
