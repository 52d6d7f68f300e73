"""Features of the tiles of one slide in one .safetensors file, with what they were made by."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from datamodules.errors import DataError
from datamodules.whole_files import whole_file

ENDING = ".safetensors"
FEATURES, COORDINATES, TISSUE = "features", "coordinates", "tissue"
FACTS = "lightbox"
"""Entry of the metadata with what was measured of the slide, and what made the features."""
MOST_HEADER = 2**20
MOMENTS = "moments"
DTYPES = {"F64": np.float64, "F16": np.float16, "F32": np.float32, "I32": np.int32}


@dataclass(frozen=True, eq=False)
class SlideFeatures:
    """What is stored of a slide.

    Attributes:
        features: float16 or float32 ``(N, D)``, a row a tile; mapped where it was opened from a
            file.
        coordinates: int32 ``(N, 2)``, x and y of each tile's corner in pixels of the full
            resolution.
        tissue: float32 ``(N,)``, share of each tile that is tissue.
        slide: What was measured of the slide: sizes in pixels, microns per pixel, its content.
        recipe: What the features were made by: encoder, tile, microns per pixel, normalisation.
        moments: Mean and variance of each feature over the tiles, float64 ``(2, D)``; empty until
            it was written.
    """

    features: NDArray[Any]
    coordinates: NDArray[np.int32]
    tissue: NDArray[np.float32]
    slide: Mapping[str, Any]
    recipe: Mapping[str, Any]
    moments: NDArray[np.float64] = field(default_factory=lambda: np.empty((2, 0)))

    @property
    def tile_side(self) -> float:
        """Side of a tile in pixels of the full resolution."""
        return float(self.slide["tile_side"])

    def write(self, path: Path) -> None:
        """Write the file, whole or not at all."""
        arrays = {
            FEATURES: np.ascontiguousarray(self.features),
            COORDINATES: np.ascontiguousarray(self.coordinates, np.int32),
            TISSUE: np.ascontiguousarray(self.tissue, np.float32),
        }
        facts = {"slide": dict(self.slide), "recipe": dict(self.recipe)}
        wide = np.asarray(self.features, np.float64)
        arrays[MOMENTS] = np.stack([wide.mean(axis=0), wide.var(axis=0)])
        with whole_file(path) as file:  # one entry, as safetensors writes several in any order
            file.write(save(arrays, {FACTS: json.dumps(facts)}))

    @classmethod
    def open(cls, path: Path) -> SlideFeatures:
        """Open a file; its arrays are mapped, and read as they are used.

        Raises:
            DataError: If it is not whole, or was not written by :meth:`write`.
            OSError: If it cannot be read just now, as when too many files are open.
        """
        try:
            header, start = _header(path)
            content = np.memmap(path, np.uint8, "r", start)  # one map a file: there may be 10,000
            facts = json.loads(header.pop("__metadata__")[FACTS])
            arrays = {name: _array(content, entry) for name, entry in header.items()}
            return cls(
                arrays[FEATURES],
                arrays[COORDINATES],
                arrays[TISSUE],
                facts["slide"],
                facts["recipe"],
                arrays[MOMENTS],
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError(
                f"{path.name} does not hold the features of a slide, or not all of them: {error}"
            ) from error


def _header(path: Path) -> tuple[dict[str, Any], int]:
    """What a file has, and where its arrays begin."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if not 0 < length < MOST_HEADER:
            raise ValueError("it has no header")
        header: dict[str, Any] = json.loads(file.read(length))
    return header, 8 + length


def _array(content: NDArray[np.uint8], entry: Mapping[str, Any]) -> NDArray[Any]:
    shape, (begin, end) = tuple(entry["shape"]), entry["data_offsets"]
    dtype = np.dtype(DTYPES[entry["dtype"]])
    if end - begin != dtype.itemsize * int(np.prod(shape)):
        raise ValueError("its header is damaged")
    if len(content) < end:
        raise ValueError("it is truncated")
    return content[begin:end].view(dtype).reshape(shape)
