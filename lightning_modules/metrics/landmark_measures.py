"""What is measured from landmarks: lengths in mm (or pixels), angles in degrees, and ratios."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase

import numpy as np
import numpy.typing as npt

from datamodules.errors import ConfigError
from lightning_modules.configs.landmark_measures import (
    AngleConfig,
    DifferenceConfig,
    DistanceConfig,
    ExtentConfig,
    Measure,
    PointGroupConfig,
    RatioConfig,
)
from lightning_modules.metrics.landmark_rows import Place

Array = npt.NDArray[np.float64]

FILE_AXES = {2: {"x": 1, "y": 0}, 3: {"x": 0, "y": 1, "z": 2}}
"""Which axis of the file is called what: in images and in volumes."""


class PointMeasures:
    """Measures of the landmarks of cases.

    Args:
        measures: What is measured, each of landmarks that there are (see :func:`check_measures`).
        points: Names of the landmarks.
        axes: 2 of images, 3 of volumes.
    """

    def __init__(self, measures: Sequence[Measure], points: Sequence[str], axes: int = 2) -> None:
        check_measures(measures, (), points, axes)
        self.points, self.axes = tuple(points), axes
        self._measures = {measure.name: measure for measure in measures}

    @property
    def names(self) -> tuple[str, ...]:
        """What the measures are called."""
        return tuple(self._measures)

    def units(self, *, has_spacing: bool = True) -> dict[str, str]:
        """Of each measure: mm, pixels (voxels), degrees, or none of a ratio."""
        length = "mm" if has_spacing else "pixels" if self.axes == 2 else "voxels"
        units = {DistanceConfig: length, ExtentConfig: length, AngleConfig: "degrees"}

        def unit_of(measure: Measure) -> str:
            if isinstance(measure, DifferenceConfig):
                return unit_of(self._measures[measure.minuend])
            return units.get(type(measure), "")

        return {name: unit_of(each) for name, each in self._measures.items()}

    def measure(self, places: Sequence[Place], spacing: Sequence[float]) -> dict[str, float | None]:
        """Measure one case.

        Args:
            places: Of each landmark along the axes of the file, in its voxels; None: not marked.
            spacing: Of the file along its axes, in mm (1 where there is none).

        Returns:
            By name; None where a landmark that is needed is not marked, or where an angle has a
            side without a length, or a ratio nothing to be divided by.
        """
        found = self.measure_all(as_array(places, self.axes)[None] * np.asarray(spacing))
        return {name: None if np.isnan(value) else float(value) for name, (value,) in found.items()}

    def measure_all(self, places: Array) -> dict[str, Array]:
        """Measure many cases.

        Args:
            places: Of each landmark in mm, along the axes of the file, ``(n, K, axes)``; NaN: not
                marked.

        Returns:
            By name, ``(n,)``; NaN is undefined.
        """
        return {name: self._of(measure, places) for name, measure in self._measures.items()}

    def _of(self, measure: Measure, places: Array) -> Array:
        if isinstance(measure, DistanceConfig):
            first, second = (places[:, self.points.index(name)] for name in measure.between)
            return np.asarray(np.linalg.norm(second - first, axis=-1))
        if isinstance(measure, ExtentConfig):
            along = places[..., FILE_AXES[self.axes][measure.axis]]
            along = along[:, select_points(measure.points, self.points)]
            return np.asarray(along.max(axis=1) - along.min(axis=1))
        if isinstance(measure, AngleConfig):
            return _angle([places[:, self.points.index(name)] for name in measure.points])
        above, below = (self._of(self._measures[name], places) for name in parts_of(measure))
        if isinstance(measure, DifferenceConfig):
            return np.asarray(above - below)
        return np.divide(above, below, out=np.full_like(above, np.nan), where=below > 0)


def parts_of(measure: DifferenceConfig | RatioConfig) -> tuple[str, str]:
    """Names of the two measures that one is made of."""
    if isinstance(measure, DifferenceConfig):
        return measure.minuend, measure.subtrahend
    return measure.numerator, measure.denominator


def as_array(places: Sequence[Place], axes: int) -> Array:
    """Places as ``(K, axes)``, NaN where one is not marked."""
    return np.array([[np.nan] * axes if place is None else place for place in places], np.float64)


def _angle(places: Sequence[Array]) -> Array:
    """Between two lines, in degrees from 0 to 180, ``(n,)``; each place is ``(n, axes)``."""
    if len(places) == 3:
        end, vertex, other = places
        first, second = end - vertex, other - vertex
    else:
        first, second = places[1] - places[0], places[3] - places[2]
    lengths = np.linalg.norm(first, axis=-1) * np.linalg.norm(second, axis=-1)
    cosine = np.full(len(lengths), np.nan)
    np.divide((first * second).sum(axis=-1), lengths, out=cosine, where=lengths > 0)
    return np.asarray(np.degrees(np.arccos(np.clip(cosine, -1, 1))))


def select_points(
    patterns: Iterable[str], points: Sequence[str], without: Iterable[str] = ()
) -> list[int]:
    """Numbers of the landmarks that one of the patterns is or matches, in their order."""
    left_out = {name for pattern in without for name in _matching(pattern, points)}
    chosen = {name for pattern in patterns for name in _matching(pattern, points)} - left_out
    return [number for number, name in enumerate(points) if name in chosen]


def _matching(pattern: str, points: Sequence[str]) -> list[str]:
    return [name for name in points if name == pattern or fnmatchcase(name, pattern)]


def check_measures(
    measures: Sequence[Measure],
    groups: Sequence[PointGroupConfig],
    points: Sequence[str],
    axes: int = 2,
) -> None:
    """Look whether every landmark and measure that is named is there.

    Args:
        measures: Settings.
        groups: Settings.
        points: Names of the landmarks.
        axes: 2 of images, 3 of volumes.

    Raises:
        ConfigError: If not; names the nearest. If two have one name, or a group that of a landmark.
    """
    known = {measure.name: measure for measure in measures}
    _check_unique([measure.name for measure in measures], "measures")
    for measure in measures:
        CHECKS[type(measure)](measure, points, known, axes)
    _check_unique([group.name for group in groups], "groups of landmarks")
    for group in groups:
        where = f"group '{group.name}'"
        if group.name in points:
            raise ConfigError(f"{where} is called as a landmark is; give it another name")
        _check_points([*group.points, *group.without], points, where)
        if not select_points(group.points, points, group.without):
            raise ConfigError(f"{where}: 'without' leaves no landmark of it")


def _check_unique(names: Sequence[str], what: str) -> None:
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"two {what} are called '{name}'; give one another name")


def _check_points(names: Iterable[str], points: Sequence[str], where: str) -> None:
    for name in names:
        if not _matching(name, points):
            what = "landmark that matches" if "*" in name else "landmark"
            raise ConfigError(f"{where}: there is no {what} '{name}'{_nearest(name, points)}")


def _nearest(name: str, known: Sequence[str]) -> str:
    near = get_close_matches(name, known, n=1)
    if near:
        return f"; did you mean {near[0]}?"
    listed = ", ".join(known[:8]) + (" ..." if len(known) > 8 else "")
    return f"; there are {listed}" if known else ""


def _check_distance(
    measure: DistanceConfig, points: Sequence[str], known: Mapping[str, Measure], axes: int
) -> None:
    del known, axes
    where = f"measure '{measure.name}'"
    _check_names(measure.between, points, where)
    if len(set(measure.between)) < 2:
        raise ConfigError(f"{where}: a distance is between two different landmarks")


def _check_extent(
    measure: ExtentConfig, points: Sequence[str], known: Mapping[str, Measure], axes: int
) -> None:
    del known
    where = f"measure '{measure.name}'"
    _check_points(measure.points, points, where)
    if len(select_points(measure.points, points)) < 2:
        raise ConfigError(f"{where}: an extent needs two landmarks or more")
    if measure.axis not in FILE_AXES[axes]:
        raise ConfigError(f"{where}: images have no axis {measure.axis}; choose x or y")


def _check_angle(
    measure: AngleConfig, points: Sequence[str], known: Mapping[str, Measure], axes: int
) -> None:
    del known, axes
    where = f"measure '{measure.name}'"
    _check_names(measure.points, points, where)
    pairs = [measure.points[:2], measure.points[-2:]]
    if any(first == second for first, second in pairs) or set(pairs[0]) == set(pairs[1]):
        raise ConfigError(f"{where}: an angle needs two different lines")


def _check_parts(
    measure: DifferenceConfig | RatioConfig,
    points: Sequence[str],
    known: Mapping[str, Measure],
    axes: int,
) -> None:
    del points, axes
    where = f"measure '{measure.name}'"
    parts = parts_of(measure)
    for name in parts:
        if name not in known:
            others = [other for other in known if other != measure.name]
            raise ConfigError(f"{where}: there is no measure '{name}'{_nearest(name, others)}")
        if isinstance(known[name], DifferenceConfig | RatioConfig):
            raise ConfigError(
                f"{where}: '{name}' is made of measures itself; name distances, extents or angles"
            )
    if len({isinstance(known[name], AngleConfig) for name in parts}) > 1:
        raise ConfigError(f"{where} is made of a length and an angle; use two of one kind")


def _check_names(names: Sequence[str], points: Sequence[str], where: str) -> None:
    """Names that must be those of single landmarks, not patterns."""
    for name in names:
        if name not in points:
            raise ConfigError(f"{where}: there is no landmark '{name}'{_nearest(name, points)}")


CHECKS: Mapping[type, Callable[..., None]] = {
    DistanceConfig: _check_distance,
    ExtentConfig: _check_extent,
    AngleConfig: _check_angle,
    DifferenceConfig: _check_parts,
    RatioConfig: _check_parts,
}
