"""The arrays of a MedMNIST file: labels are read, and of images the headers only."""

import zipfile
import zlib
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from datamodules.errors import DataError
from datamodules.readers.medmnist_dataset import MedMnist

if TYPE_CHECKING:
    import numpy as np

SIDES = ("train", "val", "test")


def read_labels(path: Path, dataset: MedMnist, size: int) -> dict[str, "np.ndarray[Any, Any]"]:
    """Labels of each side, shape ``(n, labels)``.

    Raises:
        DataError: If the file is damaged, or not laid out as the dataset of that size is.
    """
    import numpy as np

    try:
        with zipfile.ZipFile(path) as archive:
            problems = _member_problems(archive, dataset, size)
            if problems:
                raise DataError(f"{path.name} is not laid out as MedMNIST files are", problems)
        with np.load(path, allow_pickle=False) as arrays:
            return {side: arrays[f"{side}_labels"] for side in SIDES}
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, OSError) as error:
        raise DataError(
            f"{path.name} is damaged ({error}); remove it and fetch it again"
        ) from error


def _member_problems(archive: zipfile.ZipFile, dataset: MedMnist, size: int) -> list[str]:
    problems, names, shapes = [], set(archive.namelist()), dataset.shapes(size)
    for side in SIDES:
        members = [f"{side}_{what}.npy" for what in ("images", "labels")]
        absent = [name.removesuffix(".npy") for name in members if name not in names]
        problems += [f"the array {name} is missing" for name in absent]
        if absent:
            continue
        (images, kind), (labels, label_kind) = (_header(archive, name) for name in members)
        if images[1:] not in shapes or kind != "uint8":
            wanted = ", ".join(["n", *map(str, shapes[0])])
            problems.append(f"{side}_images is {kind} {images}, not uint8 ({wanted})")
        if len(labels) != 2 or labels[:1] != images[:1] or label_kind[:3] not in ("uin", "int"):
            problems.append(
                f"{side}_labels is {label_kind} {labels}; it needs a row of whole numbers for "
                f"each of the {images[0] if images else 0} images"
            )
    return problems


def _header(archive: zipfile.ZipFile, member: str) -> tuple[tuple[int, ...], str]:
    with archive.open(member) as file:
        shape, dtype = _npy_header(file)
    return shape, dtype


def _npy_header(file: IO[bytes]) -> tuple[tuple[int, ...], str]:
    from numpy.lib import format as npy

    version = npy.read_magic(file)
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, _, dtype = read(file)
    return shape, str(dtype)
