"""Which grey values a DICOM file asks to be shown, from black to white."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset

from datamodules.errors import DataError

Displayed = tuple[NDArray[Any], float, float]
"""Grey values of every stored code, and those that are black and white."""


def display_range(values: NDArray[Any], dataset: Dataset) -> Displayed:
    """Apply the first VOI LUT of a file, else its first window, else its full range.

    A linear window changes no value: it is the range that the file declares. (pydicom's own
    window inverts films of negative slope, and its VOI LUT wraps round at 8 bits an entry.)

    Args:
        values: What each code that can be stored stands for, after the modality LUT, ``(n,)``.
        dataset: The file.

    Raises:
        DataError: If the window or the LUT is not valid.

    References:
        DICOM PS3.3, C.11.2.1.1 (VOI LUT), C.11.2.1.2 (window), C.11.2.1.3 (function).
    """
    if dataset.get("VOILUTSequence"):
        return _look_up(values, dataset.VOILUTSequence[0], dataset.file_meta.TransferSyntaxUID)
    centre, width = _first(dataset, "WindowCenter"), _first(dataset, "WindowWidth")
    if centre is None or width is None:
        return values, float(values.min()), float(values.max())
    function = str(dataset.get("VOILUTFunction") or "LINEAR").upper()
    if function == "LINEAR":
        centre, width = centre - 0.5, width - 1
    if not (np.isfinite(centre) and np.isfinite(width) and width > 0):
        raise DataError("its window leaves no grey values: its width is too small")
    if function == "SIGMOID":
        with np.errstate(over="ignore"):
            return 1 / (1 + np.exp(-4 * (values - centre) / width)), 0.0, 1.0
    if function not in ("LINEAR", "LINEAR_EXACT"):
        raise DataError("its VOI LUT function is not one of LINEAR, LINEAR_EXACT and SIGMOID")
    return values, centre - width / 2, centre + width / 2


def _first(dataset: Dataset, name: str) -> float | None:
    value = dataset.get(name)
    if value is None or isinstance(value, str):
        return None
    return float(value[0]) if hasattr(value, "__len__") else float(value)


def _look_up(values: NDArray[Any], item: Dataset, syntax: Any) -> Displayed:  # noqa: ANN401
    entries, first, bits = (int(number) for number in item.LUTDescriptor)
    entries = entries or 2**16
    data = item.LUTData
    if isinstance(data, bytes):
        order = "<" if syntax.is_little_endian else ">"
        data = np.frombuffer(data, f"{order}u2" if len(data) >= 2 * entries else "u1")
    table = np.atleast_1d(np.asarray(data))
    if len(table) < entries or not 1 <= bits <= 16:
        raise DataError(
            f"its VOI LUT declares {entries} entries ({bits} bits), it has {len(table)}"
        )
    positions = np.clip(np.floor(values - first), 0, entries - 1).astype(np.int64)
    return table[positions], 0.0, float(2**bits - 1)
