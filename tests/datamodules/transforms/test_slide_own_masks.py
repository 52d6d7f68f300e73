"""Own masks count instead of what would be found; those of another slide are refused."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes.slide_files import stained
from PIL import Image

from datamodules.configs.slide_tiles import TissueConfig
from datamodules.errors import DataError
from datamodules.transforms.slide_own_masks import read_own_mask
from datamodules.transforms.slide_reading import Slide, open_slide
from datamodules.transforms.slide_tissue import find_tissue

SIZE = (400, 300)
SQUARE = [[100, 50], [300, 50], [300, 250], [100, 250], [100, 50]]
HOLE = [[150, 100], [250, 100], [250, 200], [150, 200], [150, 100]]


@pytest.fixture
def slide(tmp_path: Path) -> Slide:
    Image.fromarray(stained(*SIZE)).save(tmp_path / "s.png")
    return open_slide(tmp_path / "s.png", 0.5)


def polygon(*rings: Any) -> dict:
    return {"type": "Polygon", "coordinates": list(rings)}


def outlined(slide: Slide, content: Any, um_per_pixel: float = 0.5) -> np.ndarray:
    folder = slide.path.parent / "masks"
    folder.mkdir(exist_ok=True)
    text = content if isinstance(content, str) else json.dumps(content)
    (folder / "s.geojson").write_text(text)
    mask = read_own_mask(str(folder), slide, um_per_pixel)
    assert mask is not None
    return mask


def painted(slide: Slide, pixels: np.ndarray) -> np.ndarray:
    folder = slide.path.parent / "painted"
    folder.mkdir(exist_ok=True)
    Image.fromarray(pixels).save(folder / "s.png")
    mask = read_own_mask(str(folder), slide, 0.5)
    assert mask is not None
    return mask


def square(hole: bool = True) -> np.ndarray:
    mask = np.zeros(SIZE[::-1], np.bool_)
    mask[50:250, 100:300] = True
    if hole:
        mask[100:200, 150:250] = False
    return mask


def test_a_polygon_is_filled_but_for_its_holes(slide: Slide) -> None:
    np.testing.assert_array_equal(outlined(slide, polygon(SQUARE, HOLE)), square())


def test_what_qupath_exports_is_read(slide: Slide) -> None:
    parts = [polygon(SQUARE, HOLE), {"type": "MultiPolygon", "coordinates": [[HOLE]]}]
    features = [
        {
            "type": "Feature",
            "id": str(n),
            "geometry": part,
            "properties": {"objectType": "annotation"},
        }
        for n, part in enumerate(parts)
    ]
    for content in ({"type": "FeatureCollection", "features": features}, features):
        np.testing.assert_array_equal(outlined(slide, content), square(hole=False))
    np.testing.assert_array_equal(outlined(slide, features[0]), square())


def test_outlines_are_drawn_at_the_scale_of_the_mask(slide: Slide) -> None:
    mask = outlined(slide, polygon(SQUARE, HOLE), 2.0)
    np.testing.assert_array_equal(mask, square()[2::4, 2::4])


def test_an_outline_may_leave_the_slide_a_little(slide: Slide) -> None:
    ring = [[-5, -5], [404, -5], [404, 304], [-5, 304]]
    assert outlined(slide, polygon(ring)).all()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{", "it is no JSON"),
        ({"type": "Point", "coordinates": [1, 2]}, "a part of type 'Point'"),
        ({"shapes": []}, "a part of type None"),
        (polygon([[0, 0], [1, 1]]), "fewer than three corners"),
        (polygon([["a", 0], [1, 1], [2, 2]]), "no list of rings"),
        ({"type": "Polygon"}, "no list of rings"),
        (
            polygon([[4000, 0], [4100, 0], [4100, 90]]),
            "from 4000, 0 to 4100, 90, and the slide has",
        ),
    ],
)
def test_a_faulty_outline_is_refused(slide: Slide, content: Any, reason: str) -> None:
    with pytest.raises(DataError, match=reason) as error:
        outlined(slide, content)
    assert str(error.value).startswith("mask s.geojson: ")


def test_an_image_of_any_size_spans_the_slide(slide: Slide) -> None:
    np.testing.assert_array_equal(painted(slide, square().astype(np.uint8)), square())
    large = np.kron(square(), np.ones((3, 3))).astype(np.uint8) * 255
    np.testing.assert_array_equal(painted(slide, large), square())
    small = square()[::10, ::10].astype(np.uint8)
    np.testing.assert_array_equal(painted(slide, small), square()[::10, ::10])


def test_colours_and_transparency_are_looked_at(slide: Slide) -> None:
    red = np.zeros((*SIZE[::-1], 3), np.uint8)
    red[square(), 0] = 9
    np.testing.assert_array_equal(painted(slide, red), square())
    white = np.full((*SIZE[::-1], 4), 255, np.uint8)
    white[..., 3] = square() * 255
    np.testing.assert_array_equal(painted(slide, white), square())


def test_an_image_of_another_shape_is_refused(slide: Slide) -> None:
    with pytest.raises(DataError, match=r"mask s.png: it has 300 x 300 pixels, .* of 400 x 300"):
        painted(slide, np.ones((300, 300), np.uint8))


def test_a_folder_or_mask_that_is_not_there(slide: Slide, tmp_path: Path) -> None:
    assert read_own_mask(None, slide, 8.0) is None
    (tmp_path / "empty").mkdir()
    assert read_own_mask(str(tmp_path / "empty"), slide, 8.0) is None
    with pytest.raises(DataError, match=r"--data\.masks: there is no such folder"):
        read_own_mask(str(tmp_path / "nowhere"), slide, 8.0)


def test_two_masks_of_one_slide_are_refused(slide: Slide) -> None:
    painted(slide, np.ones(SIZE[::-1], np.uint8))
    (slide.path.parent / "painted" / "s.geojson").write_text("{}")
    with pytest.raises(DataError, match=r"s.geojson and s.png are masks of one slide"):
        read_own_mask(str(slide.path.parent / "painted"), slide, 8.0)


def test_an_own_mask_counts_instead_of_what_is_found(slide: Slide) -> None:
    outlined(slide, polygon(SQUARE, HOLE))
    config, masks = TissueConfig(um_per_pixel=0.5), str(slide.path.parent / "masks")
    np.testing.assert_array_equal(find_tissue(slide, config, "s", masks).mask, square())
