"""The fingerprint of the training data, and what lies outside it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from datamodules.feature_distance import FeatureDistance
from datamodules.film_measures import FILMS
from datamodules.image_measures import LIKENESS, ImageKind, ImageMeasures
from datamodules.slide_measures import SLIDES
from datamodules.views import plain_views, unlike_views
from datamodules.volume_measures import VOLUMES

KINDS = {kind.noun: kind for kind in (FILMS, VOLUMES, SLIDES)}
COVERED = (0.0005, 0.9995)
"""The range of the training images, without the few that are odd themselves."""
WIDENING = 0.1
"""What each range is widened by at least, as a share of it."""
INSIDE = 0.995
"""Share of validation images within all widened ranges."""
MOST_WIDENING = 3.0
"""However odd a validation image is, of which there may be few: the others still count."""
RARE = 0.001
"""Share of training images below which their view counts as none of theirs."""


class SeenImage(NamedTuple):
    """What the guard looks at of one image.

    Attributes:
        measures: Of its pixels or voxels.
        features: Of the network, float32 ``(D,)``.
        view: Such as PA, or ``AP + LATERAL`` of an exam; None when not known.
    """

    measures: ImageMeasures
    features: NDArray[np.float32]
    view: str | float | None = None


@dataclass(frozen=True, eq=False)
class InputGuard:
    """Tells whether an image is like those that a network was trained on.

    Attributes:
        ranges: What nearly all training images measure, ``(low, high)`` by name.
        widening: How many times its least margin each range is widened, so that validation images
            are inside.
        thumbnail: Mean of the training images, float32 ``(K,)``.
        views: Of the training images; empty when not known.
        distance: Of features.
        validated: Validation images that were looked at.
        flagged: How many of them are outside.
        kind: What the images are.
    """

    ranges: Mapping[str, tuple[float, float]]
    widening: float
    thumbnail: NDArray[np.float32]
    views: tuple[str, ...]
    distance: FeatureDistance
    validated: int = 0
    flagged: int = 0
    kind: ImageKind = FILMS

    @classmethod
    def fit(
        cls, kind: ImageKind, training: Sequence[SeenImage], validation: Sequence[SeenImage]
    ) -> Self:
        """Learn ranges from training images, and how strict to be from validation images.

        Args:
            kind: What they are.
            training: At least two.
            validation: At least one; never of the test split.
        """
        distance = FeatureDistance.fit(_features(training), _features(validation))
        thumbnail = np.mean([image.measures.thumbnail for image in training], axis=0)
        ranges = _ranges([_values(image, thumbnail) for image in training], kind)
        excess = [
            max(_excess(_values(image, thumbnail), ranges, kind).values(), default=0.0)
            for image in validation
        ]
        widening = float(np.quantile(excess, INSIDE, method="higher"))
        widening = min(max(widening, 1.0), MOST_WIDENING)
        guard = cls(ranges, widening, thumbnail, _views(training), distance, kind=kind)
        flagged = sum(bool(reasons) for reasons in guard.judge(validation))
        return replace(guard, validated=len(validation), flagged=flagged)

    def judge(self, images: Sequence[SeenImage]) -> list[tuple[str, ...]]:
        """Why each image is outside the training data; empty where it is not."""
        if not images:
            return []
        distances = self.distance(_features(images))
        return [
            (*self._unusual(image), *self._other_view(image), *self._unlike(distance))
            for image, distance in zip(images, distances.tolist(), strict=True)
        ]

    def _unusual(self, image: SeenImage) -> list[str]:
        values = _values(image, self.thumbnail)
        outside = _excess(values, self.ranges, self.kind)
        return [
            measure.describe(self.kind.noun, name, values[name], *self.ranges[name])
            for name, measure in self.kind.measures.items()
            if outside.get(name, 0.0) > self.widening
        ]

    def _other_view(self, image: SeenImage) -> list[str]:
        if not self.views or not (others := unlike_views(image.view, self.views)):
            return []
        return [
            f"of another view than training {self.kind.noun}: {', '.join(others)},"
            f" training {', '.join(self.views)}"
        ]

    def _unlike(self, distance: float) -> list[str]:
        if distance <= self.distance.limit:
            return []
        shown = f"distance {distance:.3g}, limit {self.distance.limit:.3g}"
        return [f"features unlike those of training {self.kind.noun}: {shown}"]

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
            "kind": self.kind.noun,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Inverse of :meth:`to_dict`; of films where it does not say what it is of."""
        return cls(
            **{
                **values,
                "ranges": {name: tuple(limits) for name, limits in values["ranges"].items()},
                "views": tuple(values["views"]),
                "distance": FeatureDistance.from_dict(values["distance"]),
                "kind": KINDS[values.get("kind", FILMS.noun)],
            }
        )


def _views(images: Sequence[SeenImage]) -> tuple[str, ...]:
    counts = Counter(view for image in images for view in plain_views(image.view))
    least = RARE * counts.total()
    return tuple(sorted(view for view, count in counts.items() if count >= least))


def _features(images: Sequence[SeenImage]) -> NDArray[np.float32]:
    return np.stack([image.features for image in images])


def _values(image: SeenImage, thumbnail: NDArray[np.float32]) -> dict[str, float]:
    """All measures of an image, its likeness to the mean training image among them."""
    length = max(float(np.linalg.norm(thumbnail)), 1e-9)
    likeness = float(image.measures.thumbnail @ thumbnail) / length
    return {**image.measures.values, LIKENESS: likeness}


def _ranges(
    images: Sequence[Mapping[str, float]], kind: ImageKind
) -> dict[str, tuple[float, float]]:
    """Low and high of each measure over the images of which it is known."""
    ranges: dict[str, tuple[float, float]] = {}
    for name, measure in kind.measures.items():
        known = [values[name] for values in images if name in values]
        if known and measure.instead_of not in ranges:
            low, high = np.quantile(known, COVERED).tolist()
            ranges[name] = (low, high)
    return ranges


def _excess(
    values: Mapping[str, float], ranges: Mapping[str, tuple[float, float]], kind: ImageKind
) -> dict[str, float]:
    """How far each measure is outside its range, in margins."""
    return {
        name: kind.measures[name].excess(values[name], *limits, WIDENING)
        for name, limits in ranges.items()
        if name in values
    }
