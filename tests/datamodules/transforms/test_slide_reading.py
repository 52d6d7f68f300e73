"""Slides are read as openslide reads them; what cannot be read is refused by name."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import openslide
import pytest
from fakes.slide_files import stained, write_tiff
from PIL import Image

from datamodules.errors import DataError
from datamodules.transforms.slide_reading import is_scan, open_slide

IMAGE = stained()


def read_through(path: Path, **options: Any) -> None:
    with open_slide(path, **options) as slide:
        for x in range(0, slide.size[0], 256):
            slide.region(x, 0, 0, 256, slide.size[1])


def reason_of(path: Path, **options: Any) -> str:
    with pytest.raises(DataError) as error:
        read_through(path, **options)
    assert str(path.parent) not in str(error.value)
    return str(error.value)


def as_openslide(path: Path, x: int, y: int, level: int, width: int, height: int) -> np.ndarray:
    with openslide.OpenSlide(path) as slide:
        region = slide.read_region((x, y), level, (width, height))
    white = Image.new("RGBA", region.size, "white")
    return np.asarray(Image.alpha_composite(white, region).convert("RGB"))


def test_a_pyramid_has_its_size_scale_and_levels(tmp_path: Path) -> None:
    with open_slide(write_tiff(tmp_path / "a.tif", IMAGE, 0.25, (4,))) as slide:
        assert slide.size == (1500, 1100)
        assert slide.um_per_pixel == pytest.approx(0.25)
        assert slide.downsamples == (1.0, 4.0)


@pytest.mark.parametrize("compression", ["jpeg", "deflate", "lzw"])
@pytest.mark.parametrize(
    "place",
    [
        (0, 0, 0, 256, 256),
        (100, 333, 0, 400, 300),
        (1300, 1000, 0, 300, 200),
        (-20, -30, 0, 64, 64),
        (5000, 5000, 0, 32, 32),
        (512, 256, 1, 100, 90),
    ],
)
def test_a_region_is_what_openslide_shows_over_white(
    tmp_path: Path, compression: str, place: tuple[int, ...]
) -> None:
    path = write_tiff(tmp_path / "a.tif", IMAGE, 0.5, (4,), compression=compression)
    with open_slide(path) as slide:
        found = slide.region(*place)
    difference = np.abs(found.astype(int) - as_openslide(path, *place))
    assert difference.max() <= 2


def test_tiles_need_not_be_square(tmp_path: Path) -> None:
    path = write_tiff(tmp_path / "a.tif", IMAGE, tile=(128, 240))
    with open_slide(path) as slide:
        found = slide.region(317, 211, 0, 500, 400)
    difference = np.abs(found.astype(int) - as_openslide(path, 317, 211, 0, 500, 400))
    assert difference.max() <= 2


def test_threads_see_what_one_sees(tmp_path: Path) -> None:
    with open_slide(write_tiff(tmp_path / "a.tif", IMAGE)) as slide:
        places = [(x, y) for x in range(0, 1500, 100) for y in range(0, 1100, 100)]
        with ThreadPoolExecutor(4) as threads:
            found = list(threads.map(lambda at: slide.region(*at, 0, 128, 128), places))
        for place, pixels in zip(places, found, strict=True):
            np.testing.assert_array_equal(pixels, slide.region(*place, 0, 128, 128))


@pytest.mark.parametrize("um_per_pixel", [0.5, 1.3, 3.7, 8.0, 600.0])
@pytest.mark.parametrize("reductions", [(), (4,)])
def test_a_thumbnail_is_the_mean_of_what_it_covers(
    tmp_path: Path, um_per_pixel: float, reductions: tuple[int, ...]
) -> None:
    path = write_tiff(tmp_path / "a.tif", IMAGE, 0.5, reductions, compression="deflate")
    with open_slide(path) as slide:
        found = slide.thumbnail(um_per_pixel)
    size = max(1, round(1500 * 0.5 / um_per_pixel)), max(1, round(1100 * 0.5 / um_per_pixel))
    expected = cv2.resize(IMAGE, size, interpolation=cv2.INTER_AREA)
    assert found.shape == expected.shape
    assert np.abs(found.astype(int) - expected).mean() < 1


def test_a_thumbnail_in_blocks_has_no_seams(tmp_path: Path) -> None:
    ramp = np.linspace(0, 255, 6000).round().astype(np.uint8)
    image = np.repeat(np.repeat(ramp[None, :, None], 300, axis=0), 3, axis=2)
    path = write_tiff(tmp_path / "a.tif", image, 0.5, compression="deflate")
    with open_slide(path) as slide:
        found = slide.thumbnail(3.3)[..., 0].astype(int)
    expected = cv2.resize(image, found.shape[::-1], interpolation=cv2.INTER_AREA)[..., 0]
    assert np.abs(found - expected).max() <= 1


def test_no_thumbnail_is_finer_than_the_slide(tmp_path: Path) -> None:
    with open_slide(write_tiff(tmp_path / "a.tif", IMAGE)) as slide:
        assert slide.thumbnail(0.1).shape == IMAGE.shape


def test_the_content_is_that_of_the_pixels(tmp_path: Path) -> None:
    paths = [
        write_tiff(tmp_path / "a.tif", IMAGE),
        write_tiff(tmp_path / "b.tif", IMAGE),
        write_tiff(tmp_path / "c.tif", stained(seed=1)),
    ]
    first, copy, other = (open_slide(path).content for path in paths)
    assert len(first) == 16
    assert first == copy != other


def test_an_image_is_a_small_slide(tmp_path: Path) -> None:
    Image.fromarray(IMAGE).save(tmp_path / "a.png", dpi=(25400, 25400))
    with open_slide(tmp_path / "a.png", 0.5) as slide:
        assert (slide.size, slide.um_per_pixel, slide.downsamples) == ((1500, 1100), 0.5, (1.0,))
        np.testing.assert_array_equal(slide.region(7, 9, 0, 50, 40), IMAGE[9:49, 7:57])
        assert (slide.region(1490, -5, 0, 20, 10)[:5] == 255).all()
        assert (slide.region(3000, 3000, 0, 4, 4) == 255).all()
        assert len(slide.content) == 16


def test_what_is_transparent_in_an_image_is_white(tmp_path: Path) -> None:
    pixels = np.dstack([IMAGE[:8, :8], np.zeros((8, 8), np.uint8)])
    Image.fromarray(pixels).save(tmp_path / "a.png")
    assert (open_slide(tmp_path / "a.png", 1.0).region(0, 0, 0, 8, 8) == 255).all()


def test_slides_are_told_from_pictures_by_their_content(tmp_path: Path) -> None:
    assert is_scan(write_tiff(tmp_path / "a.tif", IMAGE, 0.25, (4,)))
    assert not is_scan(write_tiff(tmp_path / "b.tif", IMAGE, 0.25))
    Image.fromarray(IMAGE[:8, :8]).save(tmp_path / "c.png")
    assert not is_scan(tmp_path / "c.png")
    assert not is_scan(tmp_path)


def test_messages_name_the_setting_of_who_asks(tmp_path: Path) -> None:
    path = write_tiff(tmp_path / "a.tif", IMAGE, None)
    assert reason_of(path, setting="--scale").endswith(
        "set --scale to the scanner's (0.25 at 40x, 0.5 at 20x)"
    )


def test_without_a_scale_it_is_refused_or_assumed(tmp_path: Path) -> None:
    path = write_tiff(tmp_path / "a.tif", IMAGE, None)
    assert reason_of(path).startswith("a.tif: it does not say how many micrometres a pixel has")
    assert "--data.assumed-um-per-pixel" in reason_of(path)
    assert open_slide(path, 0.25).um_per_pixel == 0.25


def test_the_scale_of_the_file_counts_before_the_assumed_one(tmp_path: Path) -> None:
    assert open_slide(write_tiff(tmp_path / "a.tif", IMAGE), 1.0).um_per_pixel == 0.5


def test_dots_per_inch_of_a_print_are_no_scale(tmp_path: Path) -> None:
    path = write_tiff(tmp_path / "a.tif", IMAGE, 25400 / 72)
    assert "it says 352.778 x 352.778 um per pixel, which no scanner has" in reason_of(path)
    assert open_slide(path, 0.5).um_per_pixel == 0.5


def test_pixels_that_are_not_square_are_refused(tmp_path: Path) -> None:
    path = write_tiff(tmp_path / "a.tif", IMAGE, (0.5, 0.53))
    assert "not square (0.5 um across, 0.53 um down)" in reason_of(path)
    slightly = open_slide(write_tiff(tmp_path / "b.tif", IMAGE, (0.5, 0.52)))
    assert slightly.um_per_pixel == pytest.approx(0.51)


def test_what_is_no_slide_is_refused(tmp_path: Path) -> None:
    assert reason_of(tmp_path / "a.svs") == "a.svs: there is no such file"
    (tmp_path / "b.svs").write_bytes(b"nothing of the kind")
    assert "b.svs: it is no slide that openslide reads" in reason_of(tmp_path / "b.svs")
    (tmp_path / "c.svs").touch()
    assert "c.svs: it is no slide" in reason_of(tmp_path / "c.svs")
    Image.fromarray(IMAGE).save(tmp_path / "d.png")
    content = (tmp_path / "d.png").read_bytes()
    (tmp_path / "d.png").write_bytes(content[: len(content) // 2])
    assert reason_of(tmp_path / "d.png", assumed_um_per_pixel=1.0).startswith("d.png: ")


@pytest.mark.parametrize("compression", ["jpeg", "deflate"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.95])
def test_a_slide_that_is_cut_off_is_named(tmp_path: Path, compression: str, share: float) -> None:
    path = write_tiff(tmp_path / "a.tif", IMAGE, compression=compression)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    assert reason_of(path).startswith("a.tif: ")


def test_damaged_pixels_are_named_with_their_place(tmp_path: Path) -> None:
    path = write_tiff(tmp_path / "a.tif", IMAGE)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 40_000] = bytes(40_000)
    path.write_bytes(content)
    reason = reason_of(path)
    assert "a.tif: its pixels at" in reason
    assert "copy it again" in reason
