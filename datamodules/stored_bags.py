"""The bags of all cases: which feature files each has, opened where and when they are needed."""

from collections import OrderedDict
from collections.abc import Sequence
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datamodules.errors import DataError
from datamodules.slide_features import SlideFeatures

MOST_OPEN = 128
"""Feature files that a process holds open."""


class StoredBags:
    """Feature files of the cases. Pickled by their paths, so that no worker copies what they hold.

    Only some files are open at a time, as a process may open no more than a thousand or so.

    Args:
        files: Of each case, one a slide.
        contents: What identifies each of those slides, 16 bytes.
    """

    def __init__(
        self, files: Sequence[Sequence[Path]], contents: Sequence[Sequence[bytes]]
    ) -> None:
        self.files = [tuple(own) for own in files]
        self.contents = [tuple(own) for own in contents]
        self._open: OrderedDict[Path, SlideFeatures] = OrderedDict()

    def __getstate__(self) -> dict[str, Any]:
        kept = {name: value for name, value in vars(self).items() if name != "_open"}
        return {**kept, "_open": OrderedDict()}

    def __len__(self) -> int:
        return len(self.files)

    def slides(self, case: int) -> list[SlideFeatures]:
        """The slides of a case."""
        return [self._opened(path) for path in self.files[case]]

    def _opened(self, path: Path) -> SlideFeatures:
        if path in self._open:
            self._open.move_to_end(path)
            return self._open[path]
        opened = SlideFeatures.open(path)
        self._open[path] = opened
        if len(self._open) > MOST_OPEN:
            self._open.popitem(last=False)
        return opened

    @cached_property
    def _shapes(self) -> list[list[tuple[int, int]]]:
        """Tiles and features of each slide of each case."""
        return [[own.features.shape for own in self.slides(case)] for case in range(len(self))]

    @cached_property
    def width(self) -> int:
        """Features of a tile.

        Raises:
            DataError: If they differ between slides; names one of each.
        """
        example: dict[int, Path] = {}
        for files, shapes in zip(self.files, self._shapes, strict=True):
            for path, (_, width) in zip(files, shapes, strict=True):
                example.setdefault(width, path)
        if len(example) != 1:
            listed = ", ".join(f"{n} ({example[n].name})" for n in sorted(example))
            raise DataError(
                f"the tiles of the slides have different numbers of features: {listed}; they were"
                " made by different encoders"
            )
        return next(iter(example))

    @cached_property
    def lengths(self) -> NDArray[np.int64]:
        """Tiles of each case."""
        return np.array([sum(n for n, _ in own) for own in self._shapes], np.int64)

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


def feature_scale(
    bags: StoredBags, cases: Sequence[int]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and standard deviation of each feature over all tiles of some cases, ``(D,)`` each.

    From the moments that each file keeps: no feature is read.
    """
    slides = [slide for case in cases for slide in bags.slides(case)]
    counts = np.array([len(slide.features) for slide in slides], np.float64)[:, None]
    means = np.stack([slide.moments[0] for slide in slides])
    variances = np.stack([slide.moments[1] for slide in slides])
    mean = (counts * means).sum(0) / counts.sum()
    variance = (counts * (variances + (means - mean) ** 2)).sum(0) / counts.sum()
    return mean, np.sqrt(variance)
