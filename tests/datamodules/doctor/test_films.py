"""Images opened and read: what cannot be, and what would not serve."""

import logging
from pathlib import Path

import numpy as np
import pytest
from fakes import medmnist, xray_files

from datamodules import parallel
from datamodules.candidates import select_box
from datamodules.cases import Case, CaseTable, Source
from datamodules.configs.xrays import XrayPreprocessing
from datamodules.doctor.film_faults import film_faults
from datamodules.doctor.films import Film, owners_of, read_films
from datamodules.problems import Kind
from datamodules.transforms.xray_pixels import content_hash

SOUND = Film(b"", 64, 48, declared=(0, 255), used=(3, 250))
IMAGE = Source("a.png")


def case(name="a", source=IMAGE, **targets):
    return Case(name, name, {"image": source}, targets)


def faults(film, *cases, size=64, **preprocessing):
    config = XrayPreprocessing(size=size, **preprocessing)
    return list(film_faults({IMAGE: film}, {IMAGE: cases or (case(),)}, config))


def film(**facts):
    return Film(**{name: getattr(SOUND, name) for name in Film.__slots__} | facts)


def test_a_film_has_the_size_the_range_and_the_hash_of_its_pixels(tmp_path):
    pixels = xray_files.ramp(6, 9, bits=16)
    xray_files.write_image(tmp_path / "a.png", pixels)
    table = CaseTable("t", tmp_path, (case(),))
    films, problems = read_films(table, owners_of(table))
    assert problems == []
    assert films[IMAGE] == Film(content_hash(pixels), 6, 9, (0, 65535), (0, 65535))


def test_an_image_of_several_cases_is_read_once_and_named_once(tmp_path):
    path = medmnist.write(tmp_path)
    path.write_bytes(path.read_bytes()[:-40])
    sources = [Source(path.name, f"train_images[{row}]") for row in range(5)]
    cases = tuple(case(str(row), source) for row, source in enumerate(sources))
    table = CaseTable("t", tmp_path, cases)
    films, (problem,) = read_films(table, owners_of(table))
    assert films == {}
    assert str(problem).startswith("file pneumoniamnist.npz (5 cases): the npz file is damaged")


def test_a_path_that_leaves_the_root_is_not_opened(tmp_path):
    table = CaseTable("t", tmp_path / "root", (case(source=Source("../a.png")),))
    xray_files.write_image(tmp_path / "a.png", xray_files.ramp())
    assert "leaves the root" in read_films(table, owners_of(table))[1][0].message


def test_pixels_that_are_not_numbers_are_counted(tmp_path):
    values = xray_files.ramp(bits=12)
    xray_files.write_dicom(tmp_path / "a.png", values, RescaleSlope="nan", RescaleIntercept="0")
    table = CaseTable("t", tmp_path, (case(),))
    (problem,) = read_films(table, owners_of(table))[1]
    assert problem.kind is Kind.UNREADABLE
    assert "pixels are NaN or infinite" in problem.message


def test_reading_says_how_far_it_is(tmp_path, monkeypatch, caplog):
    for number in range(10):
        xray_files.write_image(tmp_path / f"{number}.png", xray_files.ramp(seed=number))
    table = CaseTable("mine", tmp_path, tuple(case(str(n), Source(f"{n}.png")) for n in range(10)))
    monkeypatch.setattr(parallel, "SECONDS_A_LINE", 0)
    with caplog.at_level(logging.INFO, "lightbox"):
        read_films(table, owners_of(table))
    assert caplog.messages[0] == "Reading mine: 1 of 10 images"


def test_a_candidate_is_looked_for_in_its_whole_image():
    box = case(source=Source("a.png", select_box((1, 2, 3, 4))))
    point = case("b", Source("a.png", select_box((9, 9, 0, 0))))
    assert owners_of(CaseTable("t", Path(), (box, point))) == {IMAGE: [box, point]}


# What is wrong with images that can be read


def test_a_sound_film_is_left_in_peace():
    assert faults(SOUND) == []


def test_a_single_grey_value_is_no_picture():
    (problem,) = faults(film(used=(7, 7)))
    assert (problem.kind, problem.severity) == (Kind.BLANK, "warning")
    assert str(problem) == "case 'a' (file a.png): every pixel has the grey value 7"


@pytest.mark.parametrize(("used", "shade"), [((0, 90), "black"), ((200, 300), "white")])
def test_a_film_outside_the_range_of_its_window_is_blank(used, shade):
    window = film(declared=(100, 200), used=used)
    assert f"every pixel is {shade}" in faults(window)[0].message
    assert faults(window, clip_percentiles=(1, 99)) == []


def test_12_bits_in_a_16_bit_file_would_lose_their_contrast():
    deep = film(declared=(0, 65535), used=(0, 4095))
    (problem,) = faults(deep)
    assert problem.kind is Kind.GREY_RANGE
    assert problem.message == "its grey values 0..4095 of 0..65535 become 16 of 256"
    assert faults(deep, clip_percentiles=(0.5, 99.5)) == []


def test_a_pale_film_of_8_bits_loses_nothing():
    assert faults(film(used=(100, 110))) == []


def test_small_films_are_counted_in_one_warning():
    films = {Source(f"{n}.png"): film(height=n, width=n) for n in (16, 32, 33)}
    owners = {source: [case(source=source)] for source in films}
    (problem,) = film_faults(films, owners, XrayPreprocessing(size=64))
    assert problem.kind is Kind.SMALL
    assert problem.message.startswith("2 of 3 images are enlarged 2 times or more to 64 px")
    assert "16.png, has 16 x 16" in problem.message


@pytest.mark.parametrize(
    ("box", "found"),
    [((0, 0, 48, 64), 0), ((40, 0, 8.9, 10), 0), ((40, 0, 10, 10), 1), ((0, 60, 4, 20), 1)],
)
def test_a_box_that_leaves_its_image_is_named(box, found):
    problems = faults(SOUND, case(boxes=[("Mass", *box)]))
    assert [problem.kind for problem in problems] == [Kind.BOX] * found


def test_a_candidate_outside_its_image_is_an_error():
    inside, outside = (
        case(name, Source("a.png", select_box(box)))
        for name, box in (("in", (40, 60, 4, 4)), ("out", (50, 3, 0, 0)))
    )
    (problem,) = faults(SOUND, inside, outside)
    assert (problem.severity, problem.case_id) == ("error", "out")


def test_used_values_are_those_of_the_whole_film(tmp_path):
    pixels = np.full((5, 5), 9, np.uint8)
    pixels[4, 4] = 200
    xray_files.write_image(tmp_path / "a.png", pixels)
    table = CaseTable("t", tmp_path, (case(),))
    assert read_films(table, owners_of(table))[0][IMAGE].used == (9, 200)
