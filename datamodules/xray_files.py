"""X-ray files that belong to no dataset: found, prepared as a checkpoint says, batched."""

import logging
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from datamodules.batches import ClassifierBatch
from datamodules.configs.xrays import XrayPreprocessing
from datamodules.errors import ConfigError, readable
from datamodules.readers.image_files import may_be_image
from datamodules.transforms.xray_preprocessing import PreparedXray, PreprocessXray, normalise
from datamodules.transforms.xray_reading import read_xray

LOG = logging.getLogger("lightbox")
OVERLAYS = "overlays"
"""Folder of the pictures, in that of the output of predict and explain."""
OUTPUTS = frozenset(("predictions.csv", "explanations.csv"))
"""Tables beside it."""


def find_files(
    places: Sequence[Path],
    output: Path | None = None,
    wanted: Callable[[str], bool] = may_be_image,
    noun: str = "image",
) -> dict[str, Path]:
    """Files by name: those that are named, and the images in folders, however deep.

    A file of a folder is named by its path below that folder; where names of different places
    collide, the folder's own name is put in front. Files of a folder that cannot be images, by
    their names, are counted in a warning, and pictures that an earlier command drew are passed
    over; a named file is always taken.

    Args:
        places: Files and folders.
        output: Where this command is to write; an attempt that was broken off may have.
        wanted: Whether a file in a folder may be one, by its name.
        noun: What such a file is.

    Raises:
        ConfigError: If a place does not exist or may not be read, or nothing is found.
    """
    try:
        missing = [str(place) for place in places if not place.exists()]
        drawn: list[Path] = []
        inside = {place: _files_in(place, output, drawn) for place in places if place.is_dir()}
    except OSError as error:
        raise ConfigError(f"cannot read {error.filename}: {error.strerror}") from error
    if missing:
        raise ConfigError(f"there is no such file or folder: {', '.join(missing)}")
    if drawn:
        listed = ", ".join(map(str, dict.fromkeys(drawn)))
        LOG.warning("pictures of earlier predictions passed over: %s", readable(listed))
    images = {place: [path for path in inside[place] if wanted(path.name)] for place in inside}
    if others := sum(len(inside[place]) - len(images[place]) for place in inside):
        LOG.warning("%d other files passed over: their names are not those of %ss", others, noun)
    if not (found := _named((place, images.get(place, [place])) for place in places)):
        raise ConfigError(f"no {noun} files in {', '.join(str(place) for place in places)}")
    return found


def _named(places: Iterable[tuple[Path, Sequence[Path]]]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for place, paths in places:
        for path in paths:
            name = readable(path.name if path == place else str(path.relative_to(place)))
            while name in found and found[name] != path:
                name = readable(f"{path.parent.name}/{name}")
            found[name] = path
    return found


def _files_in(folder: Path, output: Path | None, drawn: list[Path]) -> list[Path]:
    """Files below a folder, sorted, but for hidden ones and for pictures that we drew."""
    paths: list[Path] = []
    for parent, folders, names in os.walk(folder, onerror=_raise):
        place = Path(parent)
        if OVERLAYS in folders and (place == output or not OUTPUTS.isdisjoint(names)):
            folders.remove(OVERLAYS)
            drawn.append(place / OVERLAYS)
        paths += [place / name for name in names]
    return sorted(path for path in paths if path.is_file() and not path.name.startswith("."))


def _raise(error: OSError) -> None:
    raise error


def prepare_file(path: Path, config: XrayPreprocessing) -> PreparedXray:
    """One film as the network is to see it.

    Raises:
        DataError: If there is no film to be had from the file; the message is the reason.
    """
    return PreprocessXray(config)(read_xray(path))


def as_batch(
    names: Sequence[str],
    films: Sequence[PreparedXray],
    config: XrayPreprocessing,
    table: NDArray[np.float32] | None = None,
) -> ClassifierBatch:
    """A batch without truth; case and patient are the file's name.

    Args:
        names: Of the files.
        films: As :func:`prepare_file` made them.
        config: Says how they are normalised.
        table: What the model is given beside each image, float32 ``(n, F)``; None: nothing.
    """
    images = normalise(np.stack([film.image for film in films]), config)
    none = torch.full((len(films),), -1, dtype=torch.int64)
    return ClassifierBatch(
        image=torch.from_numpy(images)[:, None],
        target=torch.full((len(films), 0), float("nan")),
        index=none,
        epoch=none,
        draw=none,
        table=torch.from_numpy(np.zeros((len(films), 0), np.float32) if table is None else table),
        case_id=list(names),
        patient_id=list(names),
    )
