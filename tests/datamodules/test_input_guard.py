"""Films of a drawn anatomy, described by their thumbnail as a network would."""

import cv2
import numpy as np
import pytest

from datamodules.film_measures import FILMS, measure_film
from datamodules.image_measures import ImageKind, ImageMeasures, Measure
from datamodules.input_guard import InputGuard, SeenImage
from datamodules.transforms.xray_geometry import Geometry

SIZE = 64


def chest(seed: int) -> np.ndarray:
    """Two dark ellipses on grey, at slightly different places."""
    chance = np.random.default_rng(seed)
    film = chance.normal(150 + chance.normal(0, 8), 10, (SIZE, SIZE)).astype(np.float32)
    for side in (18, 46):
        place = (side + int(chance.integers(-2, 3)), 32 + int(chance.integers(-3, 4)))
        cv2.ellipse(film, place, (10, 20), 0, 0, 360, 60 + int(chance.integers(-10, 11)), -1)
    return film.clip(0, 255).astype(np.uint8)


def see(film: np.ndarray, view=None, spacing_mm=None, shape=(SIZE, SIZE)) -> SeenImage:
    geometry = Geometry.fit(shape, SIZE, "stretch")
    measures = measure_film(film, geometry, spacing_mm)
    features = cv2.resize(film, (6, 6), interpolation=cv2.INTER_AREA).ravel().astype(np.float32)
    return SeenImage(measures, features, view)


@pytest.fixture(scope="module")
def guard() -> InputGuard:
    training = [see(chest(n), "PA" if n % 3 else "AP", (0.143, 0.143)) for n in range(300)]
    return InputGuard.fit(FILMS, training, [see(chest(n), "PA") for n in range(300, 400)])


def test_film_like_those_of_training_is_seldom_flagged(guard):
    judged = guard.judge([see(chest(n), "AP") for n in range(400, 800)])
    assert sum(map(bool, judged)) <= 8


def test_share_of_validation_films_that_are_flagged_is_kept(guard):
    judged = guard.judge([see(chest(n), "PA") for n in range(300, 400)])
    assert (guard.validated, guard.flagged) == (100, sum(map(bool, judged)))
    assert guard.flagged <= 1


@pytest.mark.parametrize(
    ("film", "said"),
    [
        (255 - chest(1), "inverted"),
        (chest(1).T.copy(), "turned"),
        (np.random.default_rng(0).integers(0, 256, (SIZE, SIZE)).astype(np.uint8), "noisier"),
        (np.tile(np.linspace(0, 255, SIZE).astype(np.uint8), (SIZE, 1)), "smoother"),
        (np.clip(chest(1).astype(int) + 90, 0, 255).astype(np.uint8), "brighter"),
        (np.zeros((SIZE, SIZE), np.uint8), "blacker"),
    ],
)
def test_other_film_is_flagged_with_the_reason(guard, film, said):
    (reasons,) = guard.judge([see(film)])
    assert said in "; ".join(reasons)


def test_very_large_film_is_flagged(guard):
    (reasons,) = guard.judge([see(chest(1), shape=(5120, 4000))])
    assert reasons == (
        "taller than training films: height 5120 px, training 64 to 64 px",
        "wider than training films: width 4000 px, training 64 to 64 px",
        "more upright than training films: width / height 0.78, training 1.00 to 1.00",
    )


def test_other_view_and_pixel_size_are_flagged_where_they_are_known(guard):
    lateral, coarse, unknown = guard.judge(
        [see(chest(1), "LL"), see(chest(1), spacing_mm=(0.4, 0.4)), see(chest(1))]
    )
    assert lateral == ("of another view than training films: LATERAL, training AP, PA",)
    assert coarse == (
        "coarser than training films: pixel size 0.400 mm, training 0.143 to 0.143 mm",
    )
    assert unknown == ()


def test_features_alone_can_give_a_film_away(guard):
    film = see(chest(1))
    odd = film._replace(features=film.features + 60 * (-1) ** np.arange(36, dtype=np.float32))
    (reasons,) = guard.judge([odd])
    assert len(reasons) == 1
    assert reasons[0].startswith("features unlike those of training films: distance")


def test_features_that_are_no_numbers_are_flagged(guard):
    film = see(chest(1))
    assert guard.judge([film._replace(features=film.features * np.nan)])[0]


def test_view_of_one_film_in_a_thousand_is_none_of_the_training_views():
    training = [see(chest(n % 50), "L" if n == 0 else "PA") for n in range(1001)]
    assert InputGuard.fit(FILMS, training, training[1:20]).views == ("PA",)


def test_one_odd_validation_film_does_not_blind_the_guard():
    training = [see(chest(n)) for n in range(100)]
    guard = InputGuard.fit(FILMS, training, [see(255 - chest(100)), *training[:20]])
    assert guard.flagged == 1
    assert all(guard.judge([see(255 - chest(101)), see(chest(101).T.copy())]))


def test_guard_that_does_not_say_what_it_is_of_is_of_films(guard):
    older = guard.to_dict()
    del older["kind"]
    films = [see(255 - chest(1), "LL"), see(chest(2))]
    assert InputGuard.from_dict(older).judge(films) == guard.judge(films)


def test_measure_in_place_of_another_counts_only_where_no_training_image_has_that():
    size = Measure("smaller than", "larger than", 0.1)
    kind = ImageKind("slides", {"mm": size, "px": Measure(*("a", "b"), 0.1, instead_of="mm")})

    def seen(**values: float) -> SeenImage:
        return SeenImage(ImageMeasures(values, np.ones(4, np.float32)), np.ones(2, np.float32))

    both, pixels = [seen(px=1.0, mm=1.0)] * 3, [seen(px=1.0)] * 3
    assert set(InputGuard.fit(kind, both, both).ranges) == {"mm"}
    assert set(InputGuard.fit(kind, pixels, pixels).ranges) == {"px"}


def test_guard_survives_its_own_dictionary(guard):
    films = [see(255 - chest(1), "LL"), see(chest(2))]
    assert InputGuard.from_dict(guard.to_dict()).judge(films) == guard.judge(films)
