import numpy as np
import pytest

from datamodules.candidates import has_candidates, select_box, selected_box
from datamodules.cases import Case, CaseTable, Source
from datamodules.configs.xrays import CandidateCrops, XrayPreprocessing
from datamodules.errors import DataError
from datamodules.transforms.xray_candidates import PreprocessCandidate, cut_square
from datamodules.transforms.xray_pixels import XrayPixels

FILM = np.arange(100 * 80, dtype=np.uint16).reshape(100, 80)


def prepare(box, **crops):
    preprocess = PreprocessCandidate(XrayPreprocessing(size=8), CandidateCrops(**crops))
    return preprocess(XrayPixels(FILM, 0.0, 8000.0, bits=13), box)


def test_selector_keeps_the_box():
    source = Source("a.png", select_box((1.5, 2, 30, 40)))
    assert selected_box(source) == (1.5, 2, 30, 40)
    assert selected_box(Source("a.npz", "train_images[3]")) is None


def test_square_lies_about_the_centre():
    square = cut_square(FILM, (50, 40), 4)
    np.testing.assert_array_equal(square, FILM[48:52, 38:42])


def test_beyond_the_film_its_edge_goes_on():
    square = cut_square(FILM, (0, 0), 4)
    assert (square[:2, :2] == FILM[0, 0]).all()
    np.testing.assert_array_equal(square[2:, 2:], FILM[:2, :2])


def test_context_and_detail_have_the_same_centre_and_other_widths():
    image = prepare((36, 46, 8, 8), detail=1.0, context=2.0).image
    assert image.shape == (2, 8, 8)
    detail = FILM[46:54, 36:44] * (255 / 8000)
    np.testing.assert_array_equal(image[1], np.rint(detail))
    assert np.ptp(image[0].astype(int)) > np.ptp(image[1].astype(int))


def test_point_has_a_detail_of_the_size_asked_for():
    image = prepare((40, 50, 0, 0), point_px=8, context=1.0).image
    np.testing.assert_array_equal(image[1], np.rint(FILM[46:54, 36:44] * (255 / 8000)))


def test_candidate_outside_the_film_is_refused():
    with pytest.raises(DataError, match="x 90, y 50 lies outside the film of 80 x 100"):
        prepare((90, 50, 0, 0))


def test_whole_images_among_candidates_are_named():
    cases = tuple(
        Case(name, name, {"image": Source("a.png", selector)})
        for name, selector in (("a", None), ("b", select_box((1, 2, 0, 0))))
    )
    with pytest.raises(DataError, match="candidates and others whole images\n  - a"):
        has_candidates(CaseTable("films", None, cases))
