"""Tiles lie where there is tissue in focus, at the scale asked for, from the best level."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from fakes.slide_files import stained, write_tiff
from PIL import Image

from datamodules.configs.slide_tiles import TilesConfig, TissueConfig
from datamodules.errors import DataError
from datamodules.transforms.slide_reading import Slide, open_slide
from datamodules.transforms.slide_tiles import TileGrid, TileReader, tile_grid
from datamodules.transforms.slide_tissue import Tissue, find_tissue

IMAGE = stained()
ANY = TilesConfig(least_sharpness=0)


def opened(path: Path, *, image: np.ndarray = IMAGE, um: float = 0.5, levels: tuple = ()) -> Slide:
    return open_slide(write_tiff(path / "a.tif", image, um, levels, compression="deflate"))


def covering(slide: Slide, share: float = 1.0) -> Tissue:
    """Tissue in the left part of a slide."""
    mask = np.zeros((100, 200), np.bool_)
    mask[:, : int(200 * share)] = True
    return Tissue(mask, slide.size, slide.size[0] * slide.um_per_pixel / 200)


def grid_of(slide: Slide, config: TilesConfig = ANY, share: float = 1.0) -> TileGrid:
    return tile_grid(slide, covering(slide, share), config)


def test_tiles_cover_the_tissue_row_by_row(tmp_path: Path) -> None:
    grid = grid_of(opened(tmp_path))
    columns, rows = [0, 256, 512, 768, 1024, 1280], [0, 256, 512, 768, 1024]
    inside = [(x, y) for y in rows[:4] for x in columns]  # of the last row, 76 of 256 pixels are
    assert grid.corners.tolist() == [list(corner) for corner in inside]
    assert (grid.side, grid.level, grid.size) == (256, 0, 256)
    np.testing.assert_allclose(grid.tissue[:6], [1, 1, 1, 1, 1, 220 / 256], rtol=1e-6)


def test_the_share_of_tissue_decides(tmp_path: Path) -> None:
    slide = opened(tmp_path)  # the left 750 pixels are tissue: 238 of the third column
    grid = grid_of(slide, ANY.replace(least_tissue=0.9), 0.5)
    assert sorted(set(grid.corners[:, 0].tolist())) == [0, 256, 512]
    assert grid.tissue.max() == 1
    assert grid.tissue[2] == pytest.approx(238 / 256)
    with pytest.raises(DataError, match=r"a.tif: no tile has 100% tissue \(at most 21%\)"):
        grid_of(slide, ANY.replace(least_tissue=1.0), 0.035)


def test_with_least_tissue_zero_any_tissue_will_do(tmp_path: Path) -> None:
    grid = grid_of(opened(tmp_path), ANY.replace(least_tissue=0.0), 0.01)
    assert grid.corners[:, 0].tolist() == [0] * 5
    assert (grid.tissue > 0).all()


def test_neighbours_overlap_by_the_share(tmp_path: Path) -> None:
    grid = grid_of(opened(tmp_path), ANY.replace(overlap=0.25))
    assert sorted(set(grid.corners[:, 0].tolist())) == [0, 192, 384, 576, 768, 960, 1152, 1344]


@pytest.mark.parametrize(
    ("um", "levels", "asked", "level", "side"),
    [
        (0.25, (), 0.5, 0, 512),
        (0.25, (2,), 0.5, 1, 512),
        (0.25, (4,), 0.5, 0, 512),
        (0.25, (2, 4), 0.7, 1, 64 * 0.7 / 0.25 * 4),
        (0.499, (), 0.5, 0, 256),
        (0.5, (), 0.496, 0, 256),
        (0.5, (), 0.48, 0, 256 * 0.96),
        (1.0, (), 0.5, 0, 128),
    ],
)
def test_the_best_level_is_the_coarsest_that_is_fine_enough(
    tmp_path: Path, um: float, levels: tuple, asked: float, level: int, side: float
) -> None:
    grid = grid_of(opened(tmp_path, um=um, levels=levels), ANY.replace(um_per_pixel=asked))
    assert (grid.level, grid.side) == (level, pytest.approx(side, rel=1e-6))


def test_a_slide_too_coarse_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"2 um per pixel, and tiles are to have 0.5.*pixel 2 "):
        grid_of(opened(tmp_path, um=2.0))


def test_a_tile_at_the_scale_of_a_level_is_cut(tmp_path: Path) -> None:
    slide = opened(tmp_path)
    reader = TileReader(slide, grid_of(slide))
    np.testing.assert_array_equal(reader.read(7), IMAGE[256:512, 256:512])
    last = reader.read(5)
    np.testing.assert_array_equal(last[:, :220], IMAGE[:256, 1280:])
    assert (last[:, 220:] == 255).all()


def test_a_tile_at_another_scale_is_averaged(tmp_path: Path) -> None:
    slide = opened(tmp_path, um=0.25)
    found = TileReader(slide, grid_of(slide)).read(1)
    means = IMAGE[:512, 512:1024].reshape(256, 2, 256, 2, 3).mean(axis=(1, 3))
    assert np.abs(found - means).max() <= 0.5


def test_tiles_of_a_pyramid_do_not_drift(tmp_path: Path) -> None:
    """Levels whose sizes are rounded down have odd downsamples, such as 4.0027."""
    image = stained(4003, 1203)
    slide = opened(tmp_path, image=image, um=0.125, levels=(4,))
    grid = grid_of(slide, ANY.replace(size=64))
    reader = TileReader(slide, grid)
    level = cv2.resize(image, (1000, 300), interpolation=cv2.INTER_AREA)
    assert slide.downsamples[1] != 4
    for column in (0, 7, 14):
        expected = level[:64, 64 * column : 64 * (column + 1)].astype(int)
        assert np.abs(reader.read(column) - expected).mean() < 4


def test_aligned_tiles_are_exactly_those_of_the_level(tmp_path: Path) -> None:
    image = stained(4003, 1203)
    path = write_tiff(tmp_path / "a.tif", image, 0.125, (4,), tile=(64, 64))
    with open_slide(path) as slide:
        grid = grid_of(slide, ANY.replace(size=64))
        whole = slide.region(0, 0, 1, 1000, 300)
        found = TileReader(slide, grid).read_many(range(15))
    assert found.shape == (15, 64, 64, 3)
    np.testing.assert_array_equal(np.concatenate(list(found), axis=1), whole[:64, : 64 * 15])


def test_a_slide_smaller_than_a_tile_has_one(tmp_path: Path) -> None:
    Image.fromarray(IMAGE[:200, :220]).save(tmp_path / "a.png")
    with open_slide(tmp_path / "a.png", 0.5) as slide:
        grid = grid_of(slide)
        tile = TileReader(slide, grid).read(0)
    assert grid.corners.tolist() == [[0, 0]]
    np.testing.assert_array_equal(tile[:200, :220], IMAGE[:200, :220])


def test_blurred_tiles_are_left_out(tmp_path: Path) -> None:
    image = IMAGE.copy()
    image[:, 750:] = cv2.GaussianBlur(image, (0, 0), 8.0)[:, 750:]  # 4 um
    slide = opened(tmp_path, image=image)
    tissue = find_tissue(slide, TissueConfig(), "a")
    every, sharp = (tile_grid(slide, tissue, config) for config in (ANY, TilesConfig()))
    assert every.corners[:, 0].max() >= 768
    assert sharp.corners[:, 0].max() < 768
    left = every.corners[:, 0] < 512
    np.testing.assert_array_equal(sharp.corners[sharp.corners[:, 0] < 512], every.corners[left])


def test_a_slide_all_out_of_focus_is_named(tmp_path: Path) -> None:
    slide = opened(tmp_path, image=cv2.GaussianBlur(IMAGE, (0, 0), 8.0))
    with pytest.raises(DataError, match=r"a\.tif: all .* tiles with tissue are blurred"):
        tile_grid(slide, find_tissue(slide, TissueConfig(), "a"), TilesConfig())


def test_pale_stain_is_not_taken_for_blur(tmp_path: Path) -> None:
    pale = np.clip(255 - (255.0 - IMAGE) * 0.4, 0, 255).round().astype(np.uint8)
    slide = opened(tmp_path, image=pale)
    tissue = find_tissue(slide, TissueConfig(), "a")
    grids = [tile_grid(slide, tissue, config).corners for config in (ANY, TilesConfig())]
    np.testing.assert_array_equal(*grids)
