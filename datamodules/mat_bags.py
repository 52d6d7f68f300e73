"""MATLAB files with bags of features, as the MUSK data are distributed."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datamodules.errors import DataError
from datamodules.transforms.xray_pixels import reason

VARIABLE = "x"
NEGATIVE, POSITIVE = 1, 2
"""What ``nlab`` says of an instance."""
_one_reader = Lock()


@dataclass(frozen=True)
class MatBags:
    """All bags of a file.

    Attributes:
        features: Of each instance, float32, shape ``(N, D)``.
        bag_of: Number of the bag that each instance belongs to, counted from 0, shape ``(N,)``.
        names: Of the bags, in the order in which they first occur.
        labels: Of the bags: 1 if any instance is positive, 0 if all are negative, -1 not known,
            shape ``(bags,)``.
    """

    features: NDArray[np.float32]
    bag_of: NDArray[np.int64]
    names: tuple[str, ...]
    labels: NDArray[np.int64]


def read_mat_bags(path: Path) -> MatBags:
    """Read a file of the collection of multiple-instance problems; it is kept for the next bag.

    The variable ``x`` is a dataset of PRTools: ``x.data`` ``(N, D)``, ``x.nlab`` ``(N, 1)`` (1
    negative, 2 positive), and in ``x.ident.milbag`` the bag of each instance, a number or a name.

    Args:
        path: A file of MATLAB's version 5 or 7; not 7.3.

    Raises:
        DataError: If it is damaged, or not laid out like this; the message is the reason only.

    References:
        Dietterich et al., "Solving the multiple instance problem with axis-parallel rectangles",
        Artificial Intelligence 1997.
    """
    stat = path.stat()
    with _one_reader:  # else every thread would load the file
        return _read(str(path), stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=4)
def _read(path: str, size: int, mtime_ns: int) -> MatBags:
    """Size and time of the file are part of the key, as it may be replaced."""
    del size, mtime_ns
    dataset = _load(path)
    features = _numbers(_field(dataset, "data"), "data")
    if features.ndim != 2 or 0 in features.shape:
        raise DataError(f"x.data has the shape {features.shape}, not (instances, features)")
    labels = _numbers(_field(dataset, "nlab"), "nlab").ravel()
    cells = _names(_field(_field(dataset, "ident"), "milbag"))
    if not len(features) == len(labels) == len(cells):
        raise DataError(
            f"x.data has {len(features)} instances, x.nlab {len(labels)}, x.ident.milbag "
            f"{len(cells)}; they have to be as many"
        )
    names = tuple(dict.fromkeys(cells))
    number = {name: at for at, name in enumerate(names)}
    bag_of = np.array([number[cell] for cell in cells], dtype=np.int64)
    return MatBags(features.astype(np.float32), bag_of, names, _bag_labels(labels, bag_of))


def _bag_labels(labels: NDArray[Any], bag_of: NDArray[np.int64]) -> NDArray[np.int64]:
    bags = np.full(bag_of.max() + 1, NEGATIVE)
    np.maximum.at(bags, bag_of, np.where(labels == POSITIVE, POSITIVE, NEGATIVE))
    unknown = ~np.isin(labels, (NEGATIVE, POSITIVE))
    bags[bag_of[unknown]] = 0
    return bags.astype(np.int64) - 1


def _load(path: str) -> Any:  # noqa: ANN401 - what scipy makes of a struct
    from scipy.io import loadmat, whosmat

    try:
        variables = loadmat(path, variable_names=[VARIABLE])
        there = [] if VARIABLE in variables else [name for name, *_ in whosmat(path)]
    except NotImplementedError as error:
        raise DataError("it is of MATLAB's version 7.3; save it with '-v7'") from error
    except Exception as error:  # damaged files make scipy raise nearly every exception
        if isinstance(error, MemoryError) or getattr(error, "errno", None):
            raise
        raise DataError(f"the file is damaged: {reason(error)}; fetch or copy it again") from error
    if VARIABLE not in variables:
        raise DataError(f"it has no variable x with bags; it has {', '.join(there) or 'none'}")
    return variables[VARIABLE]


def _field(struct: Any, name: str) -> Any:  # noqa: ANN401 - what scipy makes of a struct
    names = getattr(getattr(struct, "dtype", None), "names", None) or ()
    if name not in names or np.size(struct) != 1:
        raise DataError(f"x has no field '{name}'; bags have x.data, x.nlab and x.ident.milbag")
    return struct.reshape(-1)[0][name]


def _numbers(value: Any, name: str) -> NDArray[Any]:  # noqa: ANN401 - of scipy, maybe sparse
    array = np.asarray(value.toarray() if hasattr(value, "toarray") else value)
    if array.dtype.kind not in "fiub":
        raise DataError(f"x.{name} is {array.dtype}, not numbers")
    return array


def _names(value: NDArray[Any]) -> list[str]:
    """Bags as text: padded by MATLAB to one length, in cells, or numbers."""
    cells = (np.ravel(cell) for cell in np.ravel(value))
    return [_name(cell[0]) if len(cell) else "" for cell in cells]


def _name(cell: Any) -> str:  # noqa: ANN401 - text or a number
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell).strip()
