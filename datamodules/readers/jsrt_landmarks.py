"""The landmarks of JSRT: points along the outlines of organs, an array a film and organ."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

from datamodules.errors import DataError
from datamodules.problems import Kind
from datamodules.readers.case_list import CaseList

FOLDERS = {
    "right_lung": "RL",
    "left_lung": "LL",
    "heart": "H",
    "left_clavicle": "LCLA",
    "right_clavicle": "RCLA",
}
"""Of the landmarks that Gaggion et al. (IEEE TMI 2022) published."""
EXTENT = (1024, 1024)
"""Width and height of the pictures that they are counted in."""

Outline = list[tuple[float, float]]


class OutlinePoints:
    """The landmarks of all films; those of an organ have one number, and are called by theirs.

    Args:
        cases: Gathers what is wrong.
        films: Their names.
    """

    def __init__(self, cases: CaseList, films: Iterable[str]) -> None:
        self._cases = cases
        self._points: dict[str, dict[str, tuple[float, float]]] = defaultdict(dict)
        self.names: list[str] = []
        films = list(films)
        for organ, folder in FOLDERS.items():
            paths = {film: f"landmarks/{folder}/{film}.npy" for film in films}
            there = {film: path for film, path in paths.items() if (cases.root / path).is_file()}
            outlines = {film: self._read(film, path) for film, path in there.items()}
            self._take(organ, there, {film: own for film, own in outlines.items() if own})

    def targets(self, film: str) -> dict[str, Any]:
        """Landmarks of a film, and what they are counted in; nothing where it has none."""
        if film not in self._points:
            return {}
        return {"points": self._points[film], "points_extent": EXTENT}

    def _take(self, organ: str, paths: dict[str, str], outlines: dict[str, Outline]) -> None:
        counts = Counter(len(own) for own in outlines.values())
        usual = counts.most_common(1)[0][0] if counts else 0
        names = [f"{organ}_{number:02d}" for number in range(1, usual + 1)]
        self.names += names
        for film, own in outlines.items():
            if len(own) == usual:
                self._points[film].update(zip(names, own, strict=True))
            else:
                fault = f"it has {len(own)} points, and the others of {organ} have {usual}"
                self._cases.fault(Kind.POINT, fault, film, paths[film])

    def _read(self, film: str, path: str) -> Outline | None:
        try:
            return _read_points(self._cases, film, path)
        except DataError as error:
            self._cases.fault(Kind.POINT, error.message, film, path)
            return None


def _read_points(cases: CaseList, film: str, path: str) -> Outline | None:
    import numpy as np

    if not (found := cases.masks(film, {"points": path})):
        return None  # the path leaves the root: a fault by now
    try:
        array = np.load(cases.root / found["points"].path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"it is no array of numbers: {error}") from error
    if array.ndim != 2 or array.shape[1] != 2 or array.dtype.kind not in "iuf":
        shape = " x ".join(map(str, array.shape))
        raise DataError(f"it is an array of {shape} {array.dtype}, not of rows of x and y")
    if not np.isfinite(array).all():
        raise DataError("it has points that are not made of numbers")
    return [(float(x), float(y)) for x, y in array]
