"""Bags of features in a MATLAB file, laid out as MUSK is."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.io import savemat


def write(
    path: Path,
    bags: Sequence[object] = ("MUSK-1", "MUSK-1", "NON-MUSK-2", "NON-MUSK-2", "MUSK-j3"),
    labels: Sequence[int] = (1, 2, 1, 1, 2),
    width: int = 4,
) -> Path:
    """A file with one instance for each entry of ``bags``, its features counting from 0."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = np.arange(len(bags) * width, dtype=np.int16).reshape(-1, width)
    nlab = np.array(labels, dtype=np.uint8)[:, None]
    named = np.array(bags) if isinstance(bags[0], str) else np.array(bags)[:, None]
    savemat(path, {"x": {"data": data, "nlab": nlab, "ident": {"milbag": named}}})
    return path
