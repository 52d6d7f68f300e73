"""The sheet shows tissue and tiles where they are."""

from pathlib import Path

import numpy as np
from fakes.slide_files import stained, write_tiff

from datamodules.configs.slide_tiles import TilesConfig
from datamodules.transforms.slide_reading import open_slide
from datamodules.transforms.slide_sheet import LONGEST_PX, RIM, TILE, draw_tissue
from datamodules.transforms.slide_tiles import tile_grid
from datamodules.transforms.slide_tissue import Tissue


def test_rims_and_tiles_are_drawn_where_they_are(tmp_path: Path) -> None:
    with open_slide(write_tiff(tmp_path / "a.tif", stained(3200, 1600))) as slide:
        mask = np.zeros((100, 200), np.bool_)
        mask[20:60, 40:80] = True
        tissue = Tissue(mask, slide.size, 8.0)
        grid = tile_grid(slide, tissue, TilesConfig(least_sharpness=0))
        sheet = draw_tissue(slide, tissue, grid)
    assert sheet.shape == (LONGEST_PX // 2, LONGEST_PX, 3)
    rows, columns = np.nonzero((sheet == RIM).all(axis=2))
    np.testing.assert_allclose([rows.min(), rows.max()], [20 * 8, 60 * 8], atol=6)
    np.testing.assert_allclose([columns.min(), columns.max()], [40 * 8, 80 * 8], atol=6)
    x, y = (grid.corners[0] // 2).tolist()
    assert (sheet[y, x : x + 100] == TILE).all(axis=1).mean() > 0.8
