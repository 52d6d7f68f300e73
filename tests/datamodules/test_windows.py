import numpy as np
import pytest

from datamodules.windows import grid_starts, read_window, stitch


def array(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


@pytest.mark.parametrize("shape", [(10, 8, 8), (16, 9, 30), (8, 8, 8), (17, 25, 8)])
@pytest.mark.parametrize("overlap", [0.0, 0.25, 0.5])
def test_grid_covers_the_volume_with_the_overlap_that_is_asked_for(shape, overlap):
    size = array(8, 8, 8)
    starts = grid_starts(array(*shape), size, overlap)
    covered = np.zeros(shape, bool)
    for i, j, k in starts:
        covered[i : i + 8, j : j + 8, k : k + 8] = True
    assert covered.all()
    assert (starts.min(0) == 0).all()
    assert (starts.max(0) + 8 == shape).all()
    for axis in range(3):
        steps = np.diff(np.unique(starts[:, axis]))
        assert (steps <= max(1, 8 * (1 - overlap)) + 0.5).all()


def test_volume_smaller_than_a_window_lies_in_its_middle():
    assert grid_starts(array(4, 8), array(8, 8), 0.0).tolist() == [[-2, 0]]


def test_beyond_the_volume_is_the_lowest_value_that_is_read_of_a_channel():
    volume = np.arange(2 * 3 * 3, dtype=np.float32).reshape(2, 3, 3) + 5
    window = read_window(volume, array(1, 1), array(3, 3), fill=None)
    assert window[0, :2, :2].tolist() == volume[0, 1:, 1:].tolist()
    assert (window[:, 2] == volume[:, 1:, 1:].min(axis=(1, 2))[:, None]).all()


def test_stitching_undoes_cutting():
    volume = np.random.default_rng(0).random((9, 7, 12)).astype(np.float32)
    size = array(4, 4, 5)
    starts = grid_starts(array(*volume.shape), size, 0.3)
    parts = np.stack([read_window(volume[None], start, size, 0)[0] for start in starts])
    assert np.array_equal(stitch(parts, starts, array(*volume.shape)), volume)


def test_of_two_windows_the_higher_value_counts():
    parts = np.stack([np.full((2, 2), 0.2), np.full((2, 2), 0.7)]).astype(np.float32)
    found = stitch(parts, array(0, 0, 0, 1).reshape(2, 2), array(2, 4))
    assert np.allclose(found, [[0.2, 0.7, 0.7, 0.0]] * 2)


def test_beyond_the_bounds_each_channel_has_its_own_lowest_value():
    volume = np.stack([np.full((4, 4, 4), -1.0), np.full((4, 4, 4), 3.0)])
    window = read_window(volume, np.array([-2, 0, 0]), np.array([4, 4, 4]), fill=None)
    assert window[0, 0, 0, 0] == -1
    assert window[1, 0, 0, 0] == 3
