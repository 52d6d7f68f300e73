"""Arrays that prediction leaves behind, written whole or not at all, readable without pickle."""

from collections.abc import Mapping
from pathlib import Path
from zipfile import ZipFile

import numpy as np
from numpy.typing import NDArray

from datamodules.whole_files import whole_file


def write_features(path: Path, features: Mapping[str, NDArray[np.float32]]) -> None:
    """Write features as npz.

    Args:
        path: Receives ``file``, text ``(n,)``, and ``features``, float32 ``(n, D)``.
        features: Of each file, ``(D,)``.
    """
    width = len(next(iter(features.values()), ()))
    header = {"shape": (len(features), width), "fortran_order": False, "descr": "<f4"}
    with whole_file(path) as file, ZipFile(file, "w") as archive:
        # np.savez has an argument 'file' of its own, and would take a copy of all features
        with archive.open("file.npy", "w", force_zip64=True) as entry:
            np.lib.format.write_array(entry, np.array(list(features), np.str_), allow_pickle=False)
        with archive.open("features.npy", "w", force_zip64=True) as entry:
            np.lib.format.write_array_header_1_0(entry, header)
            for row in features.values():
                entry.write(np.ascontiguousarray(row, "<f4").data)


def write_map(path: Path, values: NDArray[np.float32]) -> None:
    """Write one array as npy."""
    with whole_file(path) as file:
        np.save(file, values, allow_pickle=False)
