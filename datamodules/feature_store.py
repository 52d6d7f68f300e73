"""Where features of slides are kept: a file for each slide and recipe, made once for all."""

import hashlib
import json
import re
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from datamodules.cache_entries import LOCK_SUFFIX, cache_root
from datamodules.cache_lock import builder_lock
from datamodules.errors import DataError
from datamodules.feature_files import ENDING, SlideFeatures
from datamodules.whole_files import TEMPORARY, append_lines, write_whole

FOLDER = "slide-features"
MANIFEST, RECIPE = "manifest.jsonl", "recipe.json"
NAME_DIGITS = 12
CONTENT_DIGITS = 16


class FeatureStore:
    """The files of one recipe.

    Args:
        recipe: All that the features of a slide depend on, but for the slide: plain values.

    Attributes:
        path: Their folder, under the root of the cache.
    """

    def __init__(self, recipe: Mapping[str, Any]) -> None:
        self.recipe = dict(recipe)
        text = json.dumps(self.recipe, sort_keys=True)
        encoder = re.sub(r"[^\w.-]+", "_", str(recipe["encoder"])).strip("._")
        digest = hashlib.sha256(text.encode()).hexdigest()[:NAME_DIGITS]
        self.path = cache_root() / FOLDER / f"{encoder}-{digest}"

    def make(self) -> None:
        """Make the folder, and write down what its files were made by."""
        self.path.mkdir(parents=True, exist_ok=True)
        if not (self.path / RECIPE).exists():
            write_whole(self.path / RECIPE, json.dumps(self.recipe, indent=1) + "\n")

    def file(self, content: bytes) -> Path:
        """Where the features of a slide lie, or would."""
        return self.path / f"{content.hex()[:CONTENT_DIGITS]}{ENDING}"

    def find(self, content: bytes) -> SlideFeatures | None:
        """The features of a slide; None where there are none, or none that are whole."""
        path = self.file(content)
        try:
            return SlideFeatures.open(path) if path.exists() else None
        except DataError:
            path.unlink(missing_ok=True)
            return None

    def lock(self, content: bytes, *, wait: bool) -> AbstractContextManager[bool]:
        """Keep others from computing the same; see :func:`builder_lock`."""
        path = self.file(content)
        what = "features of a slide"
        return builder_lock(path.with_name(path.name + LOCK_SUFFIX), wait=wait, what=what)

    def keep(self, content: bytes, features: SlideFeatures, seconds: float) -> None:
        """Write the file of a slide, whole or not at all, and a line of the manifest.

        For whoever holds the lock of the slide: what a killed process left of it is removed.
        """
        file = self.file(content)
        for left in self.path.glob(f".{file.name}.*{TEMPORARY}"):
            left.unlink(missing_ok=True)
        features.write(file)
        line = {
            "file": file.name,
            "tiles": len(features.features),
            "seconds": round(seconds, 2),
        }
        append_lines(self.path / MANIFEST, json.dumps(line) + "\n")
