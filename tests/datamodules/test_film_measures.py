import numpy as np
import pytest

from datamodules.film_measures import FILMS, PIXEL_SIZE, measure_film
from datamodules.transforms.xray_geometry import Geometry


def measured(film: np.ndarray, **options):
    """Measures of a square film that was neither resized nor padded."""
    return measure_film(film, Geometry.fit(film.shape, len(film), "stretch"), **options)


def test_grey_values_by_hand():
    film = np.array([[0, 0], [255, 85]], np.uint8)
    values = measured(film).values
    assert values["mean grey"] == pytest.approx((1 + 1 / 3) / 4)
    assert values["spread of grey"] == pytest.approx(np.std([0, 0, 1, 1 / 3]))
    assert (values["share of black"], values["share of white"]) == (0.5, 0.25)


def test_what_was_padded_does_not_count():
    film = np.full((8, 8), 128, np.uint8)
    film[:, :2] = film[:, 6:] = 0
    values = measure_film(film, Geometry.fit((80, 40), 8, "pad")).values
    assert values["share of black"] == 0
    assert (values["height"], values["width"], values["width / height"]) == (80, 40, 0.5)


def test_noise_is_as_sharp_as_can_be_and_a_ramp_hardly():
    noise = np.random.default_rng(0).integers(0, 256, (256, 256)).astype(np.uint8)
    ramp = np.tile(np.arange(256, dtype=np.uint8), (256, 1))
    assert measured(noise).values["sharpness"] == pytest.approx(np.sqrt(2), rel=0.01)
    assert measured(ramp).values["sharpness"] < 0.02


def test_pixel_size_is_there_only_when_known():
    film = np.zeros((4, 4), np.uint8)
    assert PIXEL_SIZE not in measured(film).values
    assert measured(film, spacing_mm=(0.1, 0.4)).values[PIXEL_SIZE] == pytest.approx(0.2)


def test_thumbnail_is_the_same_for_a_brighter_film_and_opposite_for_an_inverted_one():
    film = np.tile(np.arange(20, 84, 2, dtype=np.uint8), (32, 1))
    thumbnail = measured(film).thumbnail
    assert measured(film + 50).thumbnail @ thumbnail == pytest.approx(1, abs=1e-5)
    assert measured(255 - film).thumbnail @ thumbnail == pytest.approx(-1, abs=1e-5)


def test_film_without_contrast_has_no_layout_and_is_measured_all_the_same():
    found = measured(np.full((32, 32), 7, np.uint8))
    assert not found.thumbnail.any()
    assert all(np.isfinite(value) for value in found.values.values())


@pytest.mark.parametrize(
    ("name", "value", "excess"),
    [
        ("mean grey", 0.5, 0.0),
        ("mean grey", 0.63, 1.0),
        ("mean grey", 0.24, 2.0),
        ("width", 100 * 1.2**2, 2.0),
    ],
)
def test_excess_is_counted_in_margins(name, value, excess):
    low, high = (0.3, 0.6) if name == "mean grey" else (100, 100)
    assert FILMS.measures[name].excess(value, low, high, widening=0.1) == pytest.approx(excess)


def test_reason_says_what_was_measured_and_what_training_films_measure():
    text = FILMS.measures["width"].describe("films", "width", 5120.0, 1024.0, 3056.0)
    assert text == "wider than training films: width 5120 px, training 1024 to 3056 px"
