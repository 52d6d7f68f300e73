import numpy as np
import pytest
from matplotlib import colormaps
from PIL import Image

from datamodules.tile_map import average_tiles
from experiments.overlays import BLACK, RED
from experiments.slide_heatmaps import MAP, STRENGTH, draw_heatmap, write_heatmap

CORNERS = np.array([(0, 0), (256, 0), (0, 256)])
VALUES = np.array([0.0, 0.5, 1.0])
WHITE = np.full((96, 128, 3), 255, np.uint8)


def test_tiles_lie_side_by_side_at_the_scale_of_the_thumbnail():
    heat = average_tiles((96, 128), CORNERS, 256, 8, VALUES)
    assert (heat[:32, :32] == 0).all()
    assert (heat[:32, 32:64] == 0.5).all()
    assert (heat[32:64, :32] == 1).all()
    assert np.isfinite(heat).sum() == 3 * 32 * 32


def test_no_gap_is_left_where_tiles_are_no_whole_number_of_pixels():
    corners = np.stack(np.meshgrid(np.arange(20), np.arange(20)), -1).reshape(-1, 2) * 100
    heat = average_tiles((286, 286), corners, 100, 7, np.linspace(0, 1, 400))
    assert np.isfinite(heat).all()


def test_overlapping_tiles_are_averaged():
    heat = average_tiles((8, 12), np.array([(0, 0), (4, 0)]), 8, 1, np.array([0.2, 0.8]))
    assert heat[0] == pytest.approx([0.2] * 4 + [0.5] * 4 + [0.8] * 4)


def test_many_tiles_give_what_adding_them_one_by_one_does():
    rng = np.random.default_rng(0)
    corners, values = rng.integers(-20, 380, (200, 2)), rng.random(200)
    total, count = np.zeros((90, 100)), np.zeros((90, 100))
    for (x, y), value in zip(corners, values, strict=True):
        rows = slice(max(round(y / 4), 0), max(round((y + 30) / 4), 0))
        columns = slice(max(round(x / 4), 0), max(round((x + 30) / 4), 0))
        total[rows, columns] += value
        count[rows, columns] += 1
    heat = average_tiles((90, 100), corners, 30, 4, values)
    assert (np.isnan(heat) == (count == 0)).all()
    np.testing.assert_allclose(
        heat[count > 0], (total / np.maximum(count, 1))[count > 0], atol=1e-6
    )


def test_a_tile_smaller_than_a_pixel_is_still_seen():
    heat = average_tiles((10, 10), np.array([(512, 512)]), 64, 200, np.array([0.7]))
    assert np.isfinite(heat).sum() == 1
    assert heat[3, 3] == pytest.approx(0.7)


def test_tiles_without_a_value_and_glass_keep_their_colours():
    thumbnail = np.random.default_rng(0).integers(0, 256, (96, 128, 3), np.uint8)
    drawn = draw_heatmap(thumbnail, CORNERS, 256, 8, np.array([np.nan, 0.5, 1.0]))
    assert (drawn[:32, :32] == thumbnail[:32, :32]).all()
    assert (drawn[64:, :128] == thumbnail[64:]).all()
    assert (drawn[:32, 32:64] != thumbnail[:32, 32:64]).any()


def test_colours_are_those_of_the_map_mixed_with_grey():
    drawn = draw_heatmap(WHITE, CORNERS, 256, 8, VALUES)
    expected = (1 - STRENGTH) * 255 + STRENGTH * 255 * np.array(colormaps[MAP](1.0)[:3])
    np.testing.assert_allclose(drawn[40, 10], expected, atol=1)


def test_tissue_stays_visible_in_a_tile():
    thumbnail = WHITE.copy()
    thumbnail[:, ::2] = (120, 60, 140)
    drawn = draw_heatmap(thumbnail, CORNERS, 256, 8, VALUES).astype(int)
    assert np.abs(drawn[:32, 0:32:2] - drawn[:32, 1:32:2]).mean() > 50


def test_the_colour_bar_runs_from_0_below_to_1_above():
    drawn = draw_heatmap(np.full((400, 300, 3), 255, np.uint8), CORNERS, 256, 8, VALUES)
    bar = drawn[:, 315].astype(float)
    assert drawn.shape[1] > 300
    assert bar[82] == pytest.approx(np.array(colormaps[MAP](1.0)[:3]) * 255, abs=6)
    assert bar[317] == pytest.approx(np.array(colormaps[MAP](0.0)[:3]) * 255, abs=6)


@pytest.mark.parametrize("shape", [(1, 1, 3), (8, 200, 3), (200, 8, 3)])
def test_slides_of_any_shape_can_be_drawn(shape):
    drawn = draw_heatmap(np.zeros(shape, np.uint8), CORNERS, 256, 8, VALUES)
    assert drawn.shape[0] == shape[0]


def test_a_slide_without_tiles_stays_as_it_is():
    drawn = draw_heatmap(WHITE, np.empty((0, 2), int), 256, 8, np.empty(0))
    assert (drawn[:, :128] == WHITE).all()


def test_a_heatmap_is_written_with_its_notes(tmp_path):
    path = tmp_path / "deep" / "heat.png"
    thumbnail = np.full((400, 300, 3), 200, np.uint8)
    write_heatmap(path, thumbnail, CORNERS, 256, 8, VALUES, "tumour 0.93", "unlike the training")
    picture = np.asarray(Image.open(path))
    assert (picture[0] == RED).all()
    assert (picture[-1] == BLACK).all()
    assert [entry.name for entry in path.parent.iterdir()] == ["heat.png"]
