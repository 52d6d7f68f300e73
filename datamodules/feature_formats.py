"""Bags of features from files: those of every tile of a slide, and where its tiles lie."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datamodules.errors import DataError
from datamodules.mat_bags import read_mat_bags
from datamodules.transforms.xray_pixels import reason

FEATURES = ("features", "feats")
COORDINATES = ("coordinates", "coords")
SIDES = ("tile_side", "patch_size_level0")
ZIP_HEAD = b"PK\x03\x04"


@dataclass(frozen=True)
class Bag:
    """What is known of the tiles of a slide, or of the parts of anything else.

    Attributes:
        features: Of each tile, float32 or float16, shape ``(N, D)``, all finite, ``N`` and ``D``
            at least 1.
        coordinates: Upper left corner ``(x, y)`` of each tile in pixels of level 0, int64, shape
            ``(N, 2)``; None: not stored.
        tile_side: Of a tile in pixels of level 0; None: not stored (see :func:`tile_step`).
    """

    features: NDArray[Any]
    coordinates: NDArray[np.int64] | None = None
    tile_side: float | None = None


def read_bag(path: Path, selector: str | None = None) -> Bag:
    """Read the features of one bag; no file that is read can run code.

    ==================== ==========================================================================
    .h5, .hdf5           ``features`` ``(N, D)`` or ``(1, N, D)``, ``coords`` ``(N, 2)`` with the
                         attribute ``patch_size_level0`` (TRIDENT), or ``patch_size`` and
                         ``downsample`` (CLAM)
    .safetensors, .npz   ``features``, and ``coordinates`` or ``coords``; the metadata of
                         .safetensors, or an array of an .npz, has ``tile_side``
    .pt, .pth            a tensor ``(N, D)`` (CLAM), or a dict with the names above
    .npy                 an array ``(N, D)``
    .mat                 bags as MUSK has them, of which the selector names one
    ==================== ==========================================================================

    Args:
        path: The file.
        selector: Name of the array to take for the features, where it is another one; of .mat the
            name of the bag.

    Raises:
        DataError: If there is no bag to be had, it is empty, or a number is NaN or infinite; the
            message is the reason only, as the caller knows the case and the path.
    """
    read = _READ.get(path.suffix.lower())
    if read is None:
        raise DataError(f"a bag of features ends in {', '.join(_READ)}; this file does not")
    try:
        return read(path, selector)
    except DataError:
        raise
    except FileNotFoundError as error:
        raise DataError("there is no such file") from error
    except PermissionError as error:
        raise DataError("permission denied") from error
    except MemoryError as error:
        raise DataError("it needs more memory than there is") from error
    except Exception as error:  # damaged files make the libraries raise nearly every exception
        raise DataError(f"the file is damaged: {reason(error)}; fetch or copy it again") from error


def tile_step(coordinates: NDArray[np.int64]) -> float | None:
    """The usual distance between neighbours of a grid of tiles, in pixels of level 0.

    Equal to the side of a tile where tiles do not overlap; None where no two share a row or column.

    Args:
        coordinates: Upper left corners ``(x, y)``, int64, shape ``(N, 2)``.
    """
    steps = []
    for along, across in ((0, 1), (1, 0)):
        lines = coordinates[np.lexsort((coordinates[:, along], coordinates[:, across]))]
        step = np.diff(lines, axis=0)
        steps.append(step[(step[:, across] == 0) & (step[:, along] > 0), along])
    found, counts = np.unique(np.concatenate(steps), return_counts=True)
    return float(found[counts.argmax()]) if len(found) else None


def _read_hdf5(path: Path, selector: str | None) -> Bag:
    import h5py

    with h5py.File(path, "r", locking=False) as file:  # datasets often lie on read-only disks
        placed = next((file[name] for name in COORDINATES if name in file), None)
        return _bag(file, selector, {**file.attrs, **(placed.attrs if placed is not None else {})})


def _read_safetensors(path: Path, selector: str | None) -> Bag:
    from safetensors import safe_open

    with safe_open(path, "pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        facts = dict(file.metadata() or {})
    facts |= json.loads(facts.get("lightbox", "{}")).get(
        "slide", {}
    )  # as Lightbox's own files have them
    if not facts.get("placed", True):
        tensors = {name: each for name, each in tensors.items() if name not in COORDINATES}
    return _bag(tensors, selector, facts)


def _read_torch(path: Path, selector: str | None) -> Bag:
    import torch

    with path.open("rb") as file:
        is_zip = file.read(len(ZIP_HEAD)) == ZIP_HEAD
    try:
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=is_zip)
    except UnpicklingError as error:
        raise DataError(
            "it is damaged, or holds more than tensors, which could run code; save the features "
            "alone: torch.save(features, path)"
        ) from error
    if isinstance(content, torch.Tensor):
        return _bag({FEATURES[0]: content}, None)
    if not isinstance(content, dict):
        raise DataError(f"it holds a {type(content).__name__}, not a tensor of features")
    return _bag(content, selector, content)


def _read_npy(path: Path, selector: str | None) -> Bag:
    del selector
    return _bag({FEATURES[0]: np.load(path, mmap_mode="c", allow_pickle=False)}, None)


def _read_npz(path: Path, selector: str | None) -> Bag:
    with np.load(path, allow_pickle=False) as arrays:
        sides = {name: arrays[name] for name in SIDES if name in arrays}
        return _bag(arrays, selector, sides)


def _read_mat(path: Path, selector: str | None) -> Bag:
    bags = read_mat_bags(path)
    if selector not in bags.names:
        raise DataError(f"the file has no bag '{selector}'; it has {len(bags.names)} others")
    return _bag({FEATURES[0]: bags.features[bags.bag_of == bags.names.index(selector)]}, None)


_READ: dict[str, Callable[[Path, str | None], Bag]] = {
    ".h5": _read_hdf5,
    ".hdf5": _read_hdf5,
    ".safetensors": _read_safetensors,
    ".pt": _read_torch,
    ".pth": _read_torch,
    ".npy": _read_npy,
    ".npz": _read_npz,
    ".mat": _read_mat,
}


def _bag(
    arrays: Mapping[str, Any], selector: str | None, attributes: Mapping[str, Any] | None = None
) -> Bag:
    name = selector or next((name for name in FEATURES if name in arrays), FEATURES[0])
    if name not in arrays:
        raise DataError(f"the file has no '{name}'; it has {', '.join(arrays) or 'nothing'}")
    features = _features(_rows(arrays[name], name), name)
    placed = next((name for name in COORDINATES if name in arrays), None)
    if placed is None:
        return Bag(features)
    coordinates = _coordinates(_rows(arrays[placed], placed), placed, len(features))
    return Bag(features, coordinates, _side(attributes or {}))


def _rows(stored: Any, name: str) -> NDArray[Any]:  # noqa: ANN401 - of any of the libraries
    """A stored array, with the leading axis that some have removed."""
    if hasattr(stored, "detach"):
        stored = stored.detach()
        stored = (stored.float() if str(stored.dtype) == "torch.bfloat16" else stored).numpy()
    if getattr(getattr(stored, "dtype", None), "kind", "") not in ("f", "i", "u"):
        kind = getattr(stored, "dtype", type(stored).__name__)
        raise DataError(f"'{name}' is {kind}, not an array of numbers")
    rows = np.asarray(stored)
    return rows[0] if rows.ndim == 3 and len(rows) == 1 else rows


def _features(rows: NDArray[Any], name: str) -> NDArray[Any]:
    if rows.ndim == 1:
        raise DataError(
            f"'{name}' is one vector of {len(rows)}, as of a whole slide; a bag has one a tile"
        )
    if rows.ndim != 2:
        raise DataError(f"'{name}' has the shape {rows.shape}, not (tiles, features)")
    if 0 in rows.shape:
        raise DataError(f"'{name}' has the shape {rows.shape}: there are no features in it")
    with np.errstate(over="ignore"):  # what is too large for 32 bits is refused as infinite
        features = np.asarray(rows, rows.dtype if rows.dtype == np.float16 else np.float32)
        finite = np.isfinite(features.sum(dtype=np.float64))
    if not finite:
        bad = np.flatnonzero(~np.isfinite(features).all(axis=1))
        raise DataError(f"'{name}' is NaN or infinite in {len(bad)} tiles, such as tile {bad[0]}")
    return features


def _coordinates(rows: NDArray[Any], name: str, tiles: int) -> NDArray[np.int64]:
    if rows.shape != (tiles, 2):
        raise DataError(f"'{name}' has the shape {rows.shape}; {tiles} tiles need ({tiles}, 2)")
    if not np.isfinite(rows).all():
        raise DataError(f"'{name}' is NaN or infinite")
    coordinates: NDArray[np.int64] = np.rint(rows).astype(np.int64)
    return coordinates


def _side(attributes: Mapping[str, Any]) -> float | None:
    for name in SIDES:
        if name in attributes:
            return _positive(attributes[name], name)
    if "patch_size" in attributes and "downsample" in attributes:
        downsample = float(np.ravel(attributes["downsample"])[0])
        return _positive(float(np.ravel(attributes["patch_size"])[0]) * downsample, "patch_size")
    return None


def _positive(value: Any, name: str) -> float:  # noqa: ANN401 - a number, however it is stored
    number = float(np.ravel(np.asarray(value))[0])
    if not (np.isfinite(number) and number > 0):
        raise DataError(f"'{name}' is {number:g}, no size of a tile")
    return number
