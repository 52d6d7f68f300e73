"""Binary files that prediction leaves behind, written whole or not at all."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO
from zipfile import ZipFile

import numpy as np
from numpy.typing import NDArray


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A file that appears under its name when the block has ended well; else nothing is left."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            yield file
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_features(path: Path, features: Mapping[str, NDArray[np.float32]]) -> None:
    """Write features as npz, readable without pickle.

    Args:
        path: Receives ``file``, text ``(n,)``, and ``features``, float32 ``(n, D)``.
        features: Of each file, ``(D,)``.
    """
    rows = np.stack(list(features.values())) if features else np.zeros((0, 0))
    arrays = {"file": np.array(list(features), np.str_), "features": rows.astype(np.float32)}
    with whole_file(path) as file, ZipFile(file, "w") as archive:
        for name, array in arrays.items():  # np.savez has an argument 'file' of its own
            with archive.open(f"{name}.npy", "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, array, allow_pickle=False)


def write_map(path: Path, values: NDArray[np.float32]) -> None:
    """Write one array as npy, readable without pickle."""
    with whole_file(path) as file:
        np.save(file, values, allow_pickle=False)
