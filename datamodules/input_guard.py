"""The fingerprint of the training data, and what lies outside it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from datamodules.feature_distance import FeatureDistance
from datamodules.film_measures import LIKENESS, MEASURES, FilmMeasures
from datamodules.views import plain_views, unlike_views

COVERED = (0.0005, 0.9995)
"""The range of the training films, without the few that are odd themselves."""
WIDENING = 0.1
"""What each range is widened by at least, as a share of it."""
INSIDE = 0.995
"""Share of validation films within all widened ranges."""
RARE = 0.001
"""Share of training films below which their view counts as none of theirs."""


class SeenFilm(NamedTuple):
    """What the guard looks at of one film.

    Attributes:
        measures: Of its pixels.
        features: Of the network, float32 ``(D,)``.
        view: Such as PA, or ``AP + LATERAL`` of an exam; None when not known.
    """

    measures: FilmMeasures
    features: NDArray[np.float32]
    view: str | float | None = None


@dataclass(frozen=True, eq=False)
class InputGuard:
    """Tells whether a film is like those that a network was trained on.

    Attributes:
        ranges: What nearly all training films measure, ``(low, high)`` by name.
        widening: How many times its least margin each range is widened, so that validation films
            are inside.
        thumbnail: Mean of the training films, float32 ``(256,)``.
        views: Of the training films; empty when not known.
        distance: Of features.
        validated: Validation films that were looked at.
        flagged: How many of them are outside.
    """

    ranges: Mapping[str, tuple[float, float]]
    widening: float
    thumbnail: NDArray[np.float32]
    views: tuple[str, ...]
    distance: FeatureDistance
    validated: int = 0
    flagged: int = 0

    @classmethod
    def fit(cls, training: Sequence[SeenFilm], validation: Sequence[SeenFilm]) -> Self:
        """Learn ranges from training films, and how strict to be from validation films.

        Args:
            training: At least two.
            validation: At least one; never of the test split.
        """
        distance = FeatureDistance.fit(_features(training), _features(validation))
        thumbnail = np.mean([film.measures.thumbnail for film in training], axis=0)
        ranges = _ranges([_values(film, thumbnail) for film in training])
        excess = [
            max(_excess(_values(film, thumbnail), ranges).values(), default=0.0)
            for film in validation
        ]
        widening = max(1.0, float(np.quantile(excess, INSIDE, method="higher")))
        guard = cls(ranges, widening, thumbnail, _views(training), distance)
        flagged = sum(bool(reasons) for reasons in guard.judge(validation))
        return replace(guard, validated=len(validation), flagged=flagged)

    def judge(self, films: Sequence[SeenFilm]) -> list[tuple[str, ...]]:
        """Why each film is outside the training data; empty where it is not."""
        if not films:
            return []
        distances = self.distance(_features(films))
        return [
            (*self._unusual(film), *self._other_view(film), *self._unlike(distance))
            for film, distance in zip(films, distances.tolist(), strict=True)
        ]

    def _unusual(self, film: SeenFilm) -> list[str]:
        values = _values(film, self.thumbnail)
        outside = _excess(values, self.ranges)
        return [
            MEASURES[name].describe(name, values[name], *self.ranges[name])
            for name in MEASURES
            if outside.get(name, 0.0) > self.widening
        ]

    def _other_view(self, film: SeenFilm) -> list[str]:
        if not self.views or not (others := unlike_views(film.view, self.views)):
            return []
        return [
            f"of another view than training films: {', '.join(others)},"
            f" training {', '.join(self.views)}"
        ]

    def _unlike(self, distance: float) -> list[str]:
        if distance <= self.distance.limit:
            return []
        shown = f"distance {distance:.3g}, limit {self.distance.limit:.3g}"
        return [f"features unlike those of training films: {shown}"]

    def to_dict(self) -> dict[str, Any]:
        """Arrays and plain values."""
        return {
            "ranges": {name: list(limits) for name, limits in self.ranges.items()},
            "widening": self.widening,
            "thumbnail": self.thumbnail,
            "views": list(self.views),
            "distance": self.distance.to_dict(),
            "validated": self.validated,
            "flagged": self.flagged,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Inverse of :meth:`to_dict`."""
        return cls(
            **{
                **values,
                "ranges": {name: tuple(limits) for name, limits in values["ranges"].items()},
                "views": tuple(values["views"]),
                "distance": FeatureDistance.from_dict(values["distance"]),
            }
        )


def _views(films: Sequence[SeenFilm]) -> tuple[str, ...]:
    counts = Counter(view for film in films for view in plain_views(film.view))
    least = RARE * counts.total()
    return tuple(sorted(view for view, count in counts.items() if count >= least))


def _features(films: Sequence[SeenFilm]) -> NDArray[np.float32]:
    return np.stack([film.features for film in films])


def _values(film: SeenFilm, thumbnail: NDArray[np.float32]) -> dict[str, float]:
    """All measures of a film, its likeness to the mean training film among them."""
    length = max(float(np.linalg.norm(thumbnail)), 1e-9)
    likeness = float(film.measures.thumbnail @ thumbnail) / length
    return {**film.measures.values, LIKENESS: likeness}


def _ranges(films: Sequence[Mapping[str, float]]) -> dict[str, tuple[float, float]]:
    """Low and high of each measure over the films of which it is known."""
    ranges = {}
    for name in MEASURES:
        known = [values[name] for values in films if name in values]
        if known:
            low, high = np.quantile(known, COVERED).tolist()
            ranges[name] = (low, high)
    return ranges


def _excess(
    values: Mapping[str, float], ranges: Mapping[str, tuple[float, float]]
) -> dict[str, float]:
    """How far each measure is outside its range, in margins."""
    return {
        name: MEASURES[name].excess(values[name], *limits, WIDENING)
        for name, limits in ranges.items()
        if name in values
    }
