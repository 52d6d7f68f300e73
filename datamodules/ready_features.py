"""Features that somebody else has computed, brought into files of our own, which are mapped."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datamodules.cache import file_identity
from datamodules.cases import Source, resolve
from datamodules.errors import DataError
from datamodules.feature_formats import Bag, read_bag, tile_step
from datamodules.feature_store import FeatureStore
from datamodules.parallel import map_in_order, shown
from datamodules.slide_features import SlideFeatures

RECIPE = {"version": 1, "encoder": "ready-made"}
HASH_BYTES = 16
LARGEST, SMALLEST = 6e4, 1e-3
"""Magnitudes between which 16 bits hold the largest feature of a bag to one part in a thousand."""


@dataclass(frozen=True)
class FeatureFile:
    """Where the features of a slide lie.

    Attributes:
        name: Of the case.
        source: Of the file.
        root: That it is relative to.
    """

    name: str
    source: Source
    root: Path

    def __str__(self) -> str:
        return f"case '{self.name}' (file {self.source})"


def bring_in(
    files: Sequence[FeatureFile], dataset: str
) -> tuple[FeatureStore, list[bytes], list[bytes]]:
    """Read every file that is not there yet.

    Args:
        files: All of a dataset.
        dataset: Its name.

    Returns:
        The store; the key of each file in it; and a hash of the features of each.

    Raises:
        DataError: If files cannot be read; names each, and keeps the others.
    """
    store = FeatureStore({**RECIPE, "encoder": f"ready-made {dataset}"})
    store.make()
    results = shown(
        map_in_order(lambda file: _brought(store, file), files), f"Reading {dataset}", len(files)
    )
    keys, contents, faults = [], [], []
    for file, result in zip(files, results, strict=True):
        if isinstance(result, str):
            faults.append(f"{file}: {result}")
            continue
        keys.append(result[0])
        contents.append(result[1])
    if faults:
        raise DataError(
            f"the features of {len(faults)} of {len(files)} slides cannot be read;"
            " mend or fetch them again, or remove their rows",
            faults,
        )
    return store, keys, contents


def _brought(store: FeatureStore, file: FeatureFile) -> tuple[bytes, bytes] | str:
    try:
        key = _key(file)
        stored = store.find(key)
        if stored is None:
            bag = read_bag(resolve(file.root, file.source.path), file.source.selector)
            stored = as_stored(bag)
            store.keep(key, stored, 0.0)
        return key, bytes.fromhex(stored.slide["content"])
    except DataError as error:
        return str(error)


def _key(file: FeatureFile) -> bytes:
    """What stands for a file's content without reading it."""
    size, changed = file_identity(file.root, file.source)
    text = f"{file.source} {size} {changed} {resolve(file.root, file.source.path).resolve()}"
    return hashlib.sha256(text.encode(errors="surrogateescape")).digest()[:HASH_BYTES]


def as_stored(bag: Bag) -> SlideFeatures:
    """A bag as it is stored."""
    features = _in_few_bits(bag.features)
    places = bag.coordinates
    coordinates = np.zeros((len(features), 2)) if places is None else places
    side = bag.tile_side or (None if places is None else tile_step(places))
    facts: dict[str, Any] = {
        "tile_side": side or 0.0,
        "placed": places is not None,
        "content": hashlib.sha256(features.tobytes()).hexdigest()[: 2 * HASH_BYTES],
    }
    tissue = np.ones(len(features), np.float32)
    return SlideFeatures(features, coordinates.astype(np.int32), tissue, facts, RECIPE)


def _in_few_bits(features: NDArray[Any]) -> NDArray[Any]:
    """In 16 bits, but where those hold whole numbers or extremes less exactly."""
    if features.dtype == np.float16:
        return features
    largest = float(np.abs(features).max(initial=0))
    half = features.astype(np.float16) if largest < LARGEST else None
    if half is None or (largest < SMALLEST and largest > 0):
        return np.asarray(features, np.float32)
    return half
