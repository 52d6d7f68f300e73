"""The bags of all cases: which feature files each has, opened where and when they are needed."""

from collections.abc import Sequence
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from datamodules.errors import DataError
from datamodules.slide_features import SlideFeatures


class TilePlace(NamedTuple):
    """Where a tile of a case lies.

    Attributes:
        slide: Number of the slide within the case.
        row: Of its feature file.
    """

    slide: int
    row: int


class StoredBags:
    """Feature files of the cases. Pickled by their paths, so that no worker copies what they hold.

    Args:
        files: Of each case, one a slide.
        contents: What identifies each of those slides, 16 bytes.
    """

    def __init__(
        self, files: Sequence[Sequence[Path]], contents: Sequence[Sequence[bytes]]
    ) -> None:
        self.files = [tuple(own) for own in files]
        self.contents = [tuple(own) for own in contents]
        self._open: dict[Path, SlideFeatures] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {"files": self.files, "contents": self.contents, "_open": {}}

    def __len__(self) -> int:
        return len(self.files)

    def slides(self, case: int) -> list[SlideFeatures]:
        """The slides of a case."""
        return [self._opened(path) for path in self.files[case]]

    def _opened(self, path: Path) -> SlideFeatures:
        if path not in self._open:
            self._open[path] = SlideFeatures.open(path)
        return self._open[path]

    @cached_property
    def width(self) -> int:
        """Features of a tile.

        Raises:
            DataError: If they differ between slides.
        """
        widths = {own.features.shape[1] for case in range(len(self)) for own in self.slides(case)}
        if len(widths) != 1:
            raise DataError(
                "the tiles of the slides have different numbers of features:"
                f" {', '.join(map(str, sorted(widths)))}; they were made by different encoders"
            )
        return int(widths.pop())

    @cached_property
    def lengths(self) -> NDArray[np.int64]:
        """Tiles of each case."""
        counts = [sum(len(own.features) for own in self.slides(n)) for n in range(len(self))]
        return np.array(counts, np.int64)

    def rows(self, case: int, chosen: NDArray[np.int64] | None = None) -> NDArray[np.float32]:
        """Features of the chosen tiles of a case, in rising order; None: of all."""
        parts = [own.features for own in self.slides(case)]
        if chosen is None:
            return np.concatenate([np.asarray(part, np.float32) for part in parts])
        starts = np.cumsum([0, *map(len, parts)])
        within = [
            chosen[(chosen >= start) & (chosen < end)] - start for start, end in pairwise(starts)
        ]
        return np.concatenate(
            [part[own].astype(np.float32) for part, own in zip(parts, within, strict=True)]
        )

    def place(self, case: int, tile: int) -> TilePlace:
        """Where a tile of a case lies."""
        for slide, own in enumerate(self.slides(case)):
            if tile < len(own.features):
                return TilePlace(slide, tile)
            tile -= len(own.features)
        raise IndexError(tile)


def feature_scale(
    bags: StoredBags, cases: Sequence[int]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and standard deviation of each feature over all tiles of some cases, ``(D,)`` each."""
    count, total = 0, np.zeros(bags.width)
    for case in cases:
        rows = bags.rows(case).astype(np.float64)
        total += rows.sum(0)
        count += len(rows)
    mean = total / max(count, 1)
    squares = np.zeros(bags.width)
    for case in cases:
        squares += ((bags.rows(case).astype(np.float64) - mean) ** 2).sum(0)
    return mean, np.sqrt(squares / max(count, 1))
