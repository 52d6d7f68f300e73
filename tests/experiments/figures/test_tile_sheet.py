import numpy as np
import pytest

from experiments.figures.tile_sheet import draw_tile_sheet, extreme_tiles, scale_length

pytestmark = pytest.mark.filterwarnings("error")


def tiles(count):
    return [np.full((8, 8, 3), 10 * number, np.uint8) for number in range(count)]


def shown(figure):
    """The tile and the text of each panel that has one."""
    panels = [axes for axes in figure.axes if axes.images]
    return [(int(axes.images[0].get_array()[0, 0, 0]), axes.texts[0].get_text()) for axes in panels]


def test_the_highest_and_the_lowest_scores_are_chosen():
    scores = np.array([0.3, 0.9, 0.1, 0.5, 0.7, 0.2])
    assert extreme_tiles(scores, 2).tolist() == [1, 4, 5, 2]


@pytest.mark.parametrize(("count", "chosen"), [(0, 0), (1, 1), (2, 2), (3, 2), (9, 8), (100, 24)])
def test_no_tile_is_of_both_kinds(count, chosen):
    at = extreme_tiles(np.linspace(0, 1, count))
    assert len(at) == len(set(at.tolist())) == chosen


def test_tiles_stand_from_the_highest_score_to_the_lowest_with_their_captions():
    figure = draw_tile_sheet(tiles(4), [0.2, 0.9, 0.1, 0.5], ["a", "b", "c", "d"])
    assert shown(figure) == [(10, "0.9\nb"), (30, "0.5\nd"), (0, "0.2\na"), (20, "0.1\nc")]


def test_the_two_groups_are_named():
    figure = draw_tile_sheet(tiles(4), [1, 2, 3, 4], name="attention")
    assert figure.get_suptitle() == "Tiles by attention"
    assert [part.get_suptitle() for part in figure.subfigs] == ["Highest", "Lowest"]


@pytest.mark.parametrize(("width_um", "length"), [(128, 50), (256, 100), (60, 20), (4.9, 1)])
def test_scale_bars_are_round_and_fit(width_um, length):
    assert scale_length(width_um) == length


def test_the_scale_bar_is_as_long_as_it_says():
    figure = draw_tile_sheet(tiles(2), [1, 0], um_per_pixel=16.0)
    axes = figure.axes[0]
    assert axes.texts[-1].get_text() == "50 \N{MICRO SIGN}m"
    assert axes.patches[-1].get_width() == pytest.approx(50 / (8 * 16.0))


def test_without_a_scale_there_is_no_bar():
    assert not any(axes.patches for axes in draw_tile_sheet(tiles(2), [1, 0]).axes)


@pytest.mark.parametrize("count", [0, 1, 2, 7, 24])
def test_any_number_of_tiles_makes_a_sheet(count):
    draw_tile_sheet(tiles(count), list(range(count)), um_per_pixel=0.5).canvas.draw()


def test_a_sheet_without_tiles_says_so():
    (axes,) = draw_tile_sheet([], []).axes
    assert axes.texts[0].get_text() == "no tiles"
