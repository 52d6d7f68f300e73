from pathlib import Path, PurePosixPath

import numpy as np
import pytest
from fakes import xray_files
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from datamodules.configs.xrays import XrayPreprocessing
from datamodules.errors import DataError
from experiments.overlays import BLACK, RED, blend, output_path, write_overlay

FOLDER = Path("/overlays")
PART = st.text("ab_%.\N{LATIN SMALL LETTER U WITH DIAERESIS}", max_size=4) | st.sampled_from(
    ["..", ".", "", "x.png", "x.png_", "x__y", "a" * 300]
)
NAME = st.lists(PART, min_size=1, max_size=3).map("/".join)
LABEL = st.text("ab_/%. ", max_size=4)


@given(NAME, LABEL, NAME, LABEL)
def test_no_two_outputs_share_a_place_and_none_is_a_folder_of_another(name, label, other, second):
    first = output_path(FOLDER, name, label, ".png")
    again = output_path(FOLDER, other, second, ".png")
    if (name, label) != (other, second):
        assert first != again
        assert first not in again.parents


@given(NAME, LABEL)
def test_outputs_stay_in_their_folder_and_have_names_that_can_be_written(name, label):
    path = output_path(FOLDER, name, label, ".png")
    assert ".." not in path.relative_to(FOLDER).parts
    assert len(path.name.encode()) < 240


@pytest.mark.parametrize(
    ("name", "label", "place"),
    [
        ("a.png", "Nodule", "a.png__Nodule.png"),
        ("a/b.png", "Pleural_Thickening", "a/b.png__Pleural_Thickening.png"),
        ("a__b.png", "Nodule", "a__b.png__Nodule.png"),
        ("a", "b__c", "a__b_%5Fc.png"),
        ("a__b", "c", "a__b__c.png"),
        ("../a", "n/m", "%../a__n%2Fm.png"),
    ],
)
def test_place_can_be_guessed(name, label, place):
    assert output_path(FOLDER, name, label, ".png").relative_to(FOLDER) == PurePosixPath(place)


def test_without_evidence_a_film_stays_grey_and_with_it_takes_colour():
    grey = np.full((300, 5), 100, np.uint8)
    evidence = np.zeros((300, 5), np.float32)
    evidence[280, 2] = 1
    blended = blend(grey, evidence)
    assert (blended[:280] == 100).all()
    assert blended[280, 2].max() > blended[280, 2].min()


def test_overlay_has_the_size_of_its_film_a_caption_and_a_warning(tmp_path):
    film = xray_files.write_image(tmp_path / "film.png", np.full((400, 300), 90, np.uint8))
    path = tmp_path / "deep" / "film.overlay.png"
    evidence = np.zeros((400, 300), np.float32)
    warning = "outside the training data: " + "word " * 20
    write_overlay(path, film, XrayPreprocessing(), evidence, "Nodule 0.97", warning)
    picture = np.asarray(Image.open(path))
    assert picture.shape == (400, 300, 3)
    assert (picture[0] == RED).all()
    assert (picture[-1] == BLACK).all()
    assert (picture[200] == 90).all()
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("shape", [(1, 1), (8, 40), (40, 8)])
def test_smallest_films_can_be_written_on(tmp_path, shape):
    film = xray_files.write_image(tmp_path / "film.png", np.full(shape, 90, np.uint8))
    path = tmp_path / "overlay.png"
    evidence = np.ones(shape, np.float32)
    write_overlay(path, film, XrayPreprocessing(), evidence, "Nodule 0.97", "outside " * 99)
    assert Image.open(path).size == shape[::-1]


def test_film_has_the_grey_range_that_the_network_saw(tmp_path):
    pixels = np.linspace(0, 4095, 400 * 300).reshape(400, 300).astype(np.uint16)  # 12 bits in 16
    film = xray_files.write_image(tmp_path / "film.png", pixels)
    preprocessing = XrayPreprocessing(clip_percentiles=(0.5, 99.5))
    write_overlay(tmp_path / "o.png", film, preprocessing, np.zeros((400, 300), np.float32), "")
    rows = np.asarray(Image.open(tmp_path / "o.png"))[:380, :, 0].astype(int)
    low, high = np.percentile(pixels, (0.5, 99.5))
    expected = ((pixels[:380] - low) * 255 / (high - low)).clip(0, 255)
    assert np.abs(rows - expected).max() <= 1


def test_film_that_is_gone_is_named_as_such(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        write_overlay(
            *(tmp_path / "o.png", tmp_path / "gone.png", XrayPreprocessing()),
            *(np.zeros((2, 2), np.float32), ""),
        )
    assert not (tmp_path / "o.png").exists()
