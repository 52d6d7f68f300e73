import numpy as np
import pytest
from fakes import slides

from datamodules import slide_extraction
from datamodules.configs.slide_tiles import TilesConfig
from datamodules.configs.slides import FeatureBags, SlidesConfig
from datamodules.slide_extraction import SlideFile, extract
from datamodules.tile_encoder import NoEncoder
from datamodules.transforms.slide_reading import open_slide
from datamodules.transforms.slide_tiles import TileReader, tile_grid
from datamodules.transforms.slide_tissue import find_tissue

TILES = TilesConfig(size=32, um_per_pixel=2.0, least_sharpness=0)


class MeanColour:
    """Three features: the mean colour of a tile; it notes how many tiles it is given at once."""

    def __init__(self):
        self.given = []
        self.identity = {"encoder": "mean"}

    def encode(self, tiles):
        self.given.append(len(tiles))
        return tiles.mean((1, 2)).astype(np.float16)


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("LIGHTBOX_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def slide(tmp_path):
    return SlideFile("one", slides.write_slide(tmp_path / "one.tif", tumour=True))


def settings(at_once=64, **more):
    return SlidesConfig(tiles=TILES, bags=FeatureBags(tiles_at_once=at_once), **more)


@pytest.mark.parametrize("at_once", [1, 4, 16, 20, 1000])
def test_no_batch_is_larger_than_asked_for(slide, at_once):
    encoder = MeanColour()
    [found] = extract([slide], settings(at_once), encoder)
    assert max(encoder.given) <= at_once
    assert sum(encoder.given) == len(found.features.features)
    assert len(set(encoder.given[:-1])) <= 1


def test_features_are_those_of_the_tiles_in_their_order(slide):
    config = settings(7)
    [found] = extract([slide], config, MeanColour())
    with open_slide(slide.path) as opened:
        grid = tile_grid(opened, find_tissue(opened, config.tissue, "one"), TILES)
        tiles = TileReader(opened, grid).read_many(range(len(grid.corners)))
    np.testing.assert_array_equal(found.features.coordinates, grid.corners)
    np.testing.assert_array_equal(found.features.features, tiles.mean((1, 2)).astype(np.float16))
    known = found.features.slide
    assert (known["width"], known["height"]) == slides.SIZE
    assert known["um_per_pixel"] == pytest.approx(0.5)
    mean = tiles[:, ::4, ::4].reshape(-1, 3).mean(0) / 255
    np.testing.assert_allclose(known["mean_rgb"], mean, atol=1e-3)


def test_moments_are_those_of_the_features(slide):
    [found] = extract([slide], settings(), MeanColour())
    rows = np.asarray(found.features.features, np.float64)
    np.testing.assert_allclose(found.features.moments, [rows.mean(0), rows.var(0)])


def test_a_slide_is_encoded_once(slide):
    encoder = MeanColour()
    extract([slide], settings(), encoder)
    count = len(encoder.given)
    extract([slide], settings(), encoder)
    assert len(encoder.given) == count
    extract([slide], settings(tissue={"closing_um": 16}), encoder)
    assert len(encoder.given) > count


def test_another_mask_of_tissue_gives_other_features(slide, tmp_path):
    import cv2

    half = np.zeros((768, 1024), np.uint8)
    half[:, 512:] = 255
    (tmp_path / "masks").mkdir()
    cv2.imwrite(str(tmp_path / "masks" / "one.png"), half)
    [whole] = extract([slide], settings(), MeanColour())
    [masked] = extract([slide], settings(masks=str(tmp_path / "masks")), MeanColour())
    assert masked.features.coordinates[:, 0].min() >= 384
    assert masked.key != whole.key
    assert masked.content == whole.content


def test_without_an_encoder_tiles_are_placed_and_no_more(slide):
    [found] = extract([slide], settings(), NoEncoder())
    assert found.features.features.shape == (len(found.features.coordinates), 0)


def test_a_later_start_opens_no_slide_that_has_not_changed(slide, monkeypatch):
    encoder = MeanColour()
    [first] = extract([slide], settings(), encoder)
    opened = []
    monkeypatch.setattr(
        slide_extraction, "open_slide", lambda *a: opened.append(a) or open_slide(*a)
    )
    [again] = extract([slide], settings(), encoder)
    assert (again.key, again.content) == (first.key, first.content)
    assert not opened
    slides.write_slide(slide.path, tumour=False)
    [changed] = extract([slide], settings(), encoder)
    assert opened
    assert changed.content != first.content
