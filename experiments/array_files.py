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
    rows = np.stack(list(features.values())) if features else np.zeros((0, 0))
    arrays = {"file": np.array(list(features), np.str_), "features": rows.astype(np.float32)}
    with whole_file(path) as file, ZipFile(file, "w") as archive:
        for name, array in arrays.items():  # np.savez has an argument 'file' of its own
            with archive.open(f"{name}.npy", "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, array, allow_pickle=False)


def write_map(path: Path, values: NDArray[np.float32]) -> None:
    """Write one array as npy."""
    with whole_file(path) as file:
        np.save(file, values, allow_pickle=False)
