"""JPEG tiles are decoded straight from the file to the pixels that openslide shows."""

import os
from pathlib import Path

import numpy as np
import openslide
import pytest
import tifffile
from fakes.slide_files import stained, write_tiff

from datamodules.transforms.slide_jpeg_tiles import open_jpeg_tiles
from datamodules.transforms.slide_reading import open_slide

IMAGE = stained(700, 600)
SIZE = (700, 600)


def shown(path: Path) -> np.ndarray:
    with openslide.OpenSlide(path) as slide:
        return np.asarray(slide.read_region((0, 0), 0, slide.dimensions).convert("RGB"))


@pytest.mark.parametrize("subsampling", [(1, 1), (2, 1), (2, 2)])
@pytest.mark.parametrize("quality", [30, 90])
def test_pixels_are_those_of_openslide(
    tmp_path: Path, subsampling: tuple[int, int], quality: int
) -> None:
    options = {"subsampling": subsampling, "compressionargs": {"level": quality}}
    path = write_tiff(tmp_path / "a.tif", IMAGE, **options)
    tiles = open_jpeg_tiles(path, SIZE)
    assert tiles is not None
    difference = np.abs(tiles.region(0, 0, *SIZE).astype(int) - shown(path))
    assert difference.max() <= 2
    tiles.close()


@pytest.mark.data
def test_pixels_of_an_aperio_slide_are_those_of_openslide() -> None:
    path = Path(os.environ.get("LIGHTBOX_DATA", "")) / "wsi" / "CMU-1-Small-Region.svs"
    if not path.is_file():
        pytest.skip(f"{path} is not there; set LIGHTBOX_DATA")
    tiles = open_jpeg_tiles(path, (2220, 2967))
    assert tiles is not None
    np.testing.assert_array_equal(tiles.region(0, 0, 2220, 2967), shown(path))


@pytest.mark.parametrize("options", [{"compression": "deflate"}, {"planarconfig": "separate"}])
def test_other_tiles_are_left_to_openslide(tmp_path: Path, options: dict) -> None:
    array = IMAGE if "compression" in options else np.moveaxis(IMAGE, -1, 0)
    path = write_tiff(tmp_path / "a.tif", array, **options)
    assert open_jpeg_tiles(path, SIZE) is None


def test_no_level_of_the_size_and_no_tiff_are_none(tmp_path: Path) -> None:
    path = write_tiff(tmp_path / "a.tif", IMAGE)
    assert open_jpeg_tiles(path, (700, 601)) is None
    (tmp_path / "b.tif").write_bytes(b"II*\0")
    assert open_jpeg_tiles(tmp_path / "b.tif", SIZE) is None


def test_a_damaged_tile_is_none(tmp_path: Path) -> None:
    path = write_tiff(tmp_path / "a.tif", IMAGE)
    tiles = open_jpeg_tiles(path, SIZE)
    assert tiles is not None
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    assert tiles.region(0, 0, *SIZE) is None
    assert tiles.region(0, 0, 200, 200) is not None
    tiles.close()


def test_colours_are_what_the_tag_says_as_for_openslide(tmp_path: Path) -> None:
    path = write_tiff(tmp_path / "a.tif", IMAGE)
    right = shown(path)
    with tifffile.TiffFile(path, mode="r+b") as file:
        file.pages.first.tags["PhotometricInterpretation"].overwrite(2)
    with open_slide(path) as slide:
        found = slide.region(0, 0, 0, *SIZE)
    assert np.abs(found.astype(int) - shown(path)).max() <= 2
    assert np.abs(found.astype(int) - right).max() > 20
