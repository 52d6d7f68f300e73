"""Volumes and images that belong to no dataset: found, and grouped by their channels."""

import os
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from datamodules.errors import ConfigError, DataError, readable
from datamodules.readers.file_templates import ENDINGS, without_ending
from datamodules.transforms.mask_reading import lay_on
from datamodules.transforms.volume_reading import read_volume
from datamodules.volume import Volume

CHANNEL = re.compile(r"(.+)_(\d{4})")
"""``case_0000``, ``case_0001``: one file a channel, as nnU-Net has them."""
SERIES_ENDING = ".dcm"
MAGIC, MAGIC_AT = b"DICM", 128
INDEX = "DICOMDIR"
"""Of a medium; it is in DICOM format, and no image."""


def find_volumes(
    places: Sequence[Path], channels: int, output: Path | None = None
) -> dict[str, tuple[Path, ...]]:
    """Files of each case, by a name without an ending.

    A folder that holds DICOM files is one case, a series; of other folders, every file with the
    ending of an image counts, however deep. Files of a folder that end in ``_0000``, ``_0001`` ...
    are the channels of one case, if all channels of the model are there; else each is a case.
    Where names of different places collide, the folder's own name is put in front.

    Args:
        places: Files and folders.
        channels: That the model was trained on.
        output: Where results are to go: nothing in it is taken.

    Raises:
        ConfigError: If a place does not exist, or nothing is found.
    """
    if missing := [str(place) for place in places if not place.exists()]:
        raise ConfigError(f"there is no such file or folder: {', '.join(missing)}")
    cases: dict[tuple[Path, str], dict[int, tuple[Path, str]]] = defaultdict(dict)
    alone: list[tuple[Path, str]] = []
    for path, name in dict.fromkeys(each for place in places for each in _named(place, output)):
        split = CHANNEL.fullmatch(name)
        if split is not None and int(split[2]) < channels:
            cases[path.parent, split[1]][int(split[2])] = (path, name)
        else:
            alone.append((path, name))
    found: dict[str, tuple[Path, ...]] = {}
    for (_, name), own in cases.items():
        if len(own) == channels:
            _add(found, name, tuple(own[channel][0] for channel in range(channels)))
        else:
            alone += own.values()
    for path, name in alone:
        _add(found, name, (path,))
    if not found:
        raise ConfigError(f"no images in {', '.join(str(place) for place in places)}")
    return dict(sorted(found.items()))


def read_channels(paths: Sequence[Path]) -> Volume:
    """The volume of one case.

    Args:
        paths: One file or series with all channels, or one a channel.

    Raises:
        DataError: If one cannot be read, or they do not lie on one grid.
    """
    image, *others = [read_volume(path) for path in paths]
    channels = [image.array]
    for path, other in zip(paths[1:], others, strict=True):
        try:
            channels.append(lay_on(other, image, "channel").array)
        except DataError as error:
            raise DataError(f"{path.name}: {error}") from error
    return replace(image, array=np.concatenate(channels)) if others else image


def _add(found: dict[str, tuple[Path, ...]], name: str, paths: tuple[Path, ...]) -> None:
    folder = paths[0].resolve().parent
    while name in found:
        name = readable(f"{folder.name}/{name}")
        folder = folder.parent
    found[name] = paths


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
    """Whether a folder holds DICOM files; a note or an index may lie beside them."""
    return any(_is_dicom(path) for path in sorted(folder.iterdir()) if path.is_file())


def _is_dicom(path: Path) -> bool:
    if path.name.startswith(".") or path.name == INDEX:
        return False
    if path.name.lower().endswith(SERIES_ENDING):
        return True
    if path.name.lower().endswith(ENDINGS):
        return False
    with path.open("rb") as file:
        head = file.read(MAGIC_AT + len(MAGIC))
    return head[MAGIC_AT:] == MAGIC
