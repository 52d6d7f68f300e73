import numpy as np
import pytest

from lightning_modules.window_borders import WindowBorders

SIDE, OVERLAP = 100, 40
STARTS = np.array([(y, x) for y in (0, 60, 120) for x in (0, 60, 120)])


def pieces(low, high):
    """What each window sees of an object, and the number of the window."""
    for number, start in enumerate(STARTS):
        piece = np.clip([*low, *high], np.tile(start, 2), np.tile(start + SIDE, 2))
        if (piece[2:] > piece[:2]).all():
            yield number, piece


@pytest.mark.parametrize("seed", range(20))
def test_of_an_object_no_piece_is_left_and_one_whole_at_least(seed):
    draw = np.random.default_rng(seed)
    borders = WindowBorders(STARTS + SIDE / 2, OVERLAP)
    sides = draw.uniform(4, 0.75 * OVERLAP, 2)
    low = draw.uniform(0, 220 - sides)
    kept = [
        piece for number, piece in pieces(low, low + sides) if borders.keeps(piece[None], number)[0]
    ]
    assert len(kept) >= 1
    assert all(np.allclose(piece, [*low, *(low + sides)]) for piece in kept)


def test_windows_that_do_not_agree_where_a_box_is_do_not_lose_it():
    borders = WindowBorders([(50.0,), (110.0,)], OVERLAP)
    first, second = np.array([[81.0, 87.0]]), np.array([[73.0, 79.0]])  # the border is at 80
    assert borders.keeps(first, 0)[0]
    assert borders.keeps(second, 1)[0]


def test_where_there_is_no_next_window_all_is_kept():
    assert WindowBorders([(50.0, 50.0)], OVERLAP).keeps(np.array([[0, 0, 3, 3]]), 0)[0]


def test_nothing_found_is_nothing_kept():
    assert WindowBorders([(50.0, 50.0)], OVERLAP).keeps(np.empty((0, 4)), 0).shape == (0,)
