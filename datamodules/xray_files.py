"""X-ray files that belong to no dataset: found, prepared as a checkpoint says, batched."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from datamodules.batches import XrayBatch
from datamodules.configs.xrays import XrayPreprocessing
from datamodules.errors import ConfigError
from datamodules.transforms.xray_preprocessing import PreparedXray, PreprocessXray, normalise
from datamodules.transforms.xray_reading import read_xray

SUFFIXES = {".png", ".jpg", ".jpeg", ".dcm", ".dicom", ".tif", ".tiff", ".ima", ""}
"""What is looked at in a folder; DICOM files often have no suffix. A named file always is."""


def find_files(places: Sequence[Path]) -> dict[str, Path]:
    """Files by name: those that are named, and the images in folders, however deep.

    A file of a folder is named by its path below that folder; where names of different places
    collide, the folder's own name is put in front.

    Raises:
        ConfigError: If a place does not exist, or nothing is found.
    """
    missing = [str(place) for place in places if not place.exists()]
    if missing:
        raise ConfigError(f"there is no such file or folder: {', '.join(missing)}")
    found: dict[str, Path] = {}
    for place in places:
        for path in _images_in(place):
            name = str(path.relative_to(place)) if place.is_dir() else path.name
            while name in found and found[name] != path:
                name = f"{path.parent.name}/{name}"
            found[name] = path
    if not found:
        raise ConfigError(f"no image files in {', '.join(str(place) for place in places)}")
    return found


def _images_in(place: Path) -> list[Path]:
    if place.is_file():
        return [place]
    return sorted(
        path
        for path in place.rglob("*")
        if path.is_file() and path.suffix.lower() in SUFFIXES and not path.name.startswith(".")
    )


def prepare_file(path: Path, config: XrayPreprocessing) -> PreparedXray:
    """One film as the network is to see it.

    Raises:
        DataError: If there is no film to be had from the file; the message is the reason.
    """
    return PreprocessXray(config)(read_xray(path))


def as_batch(
    names: Sequence[str], films: Sequence[PreparedXray], config: XrayPreprocessing
) -> XrayBatch:
    """A batch without truth; case and patient are the file's name."""
    images = normalise(np.stack([film.image for film in films]), config)
    none = torch.full((len(films),), -1, dtype=torch.int64)
    return XrayBatch(
        image=torch.from_numpy(images)[:, None],
        target=torch.full((len(films), 0), float("nan")),
        index=none,
        epoch=none,
        draw=none,
        case_id=list(names),
        patient_id=list(names),
    )
