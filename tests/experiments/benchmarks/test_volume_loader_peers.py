import numpy as np
import pytest

from experiments.benchmarks.volume_loader_peers import enlarged_patch, read_window


@pytest.mark.parametrize("start", [(1, 2), (-3, 4), (7, 7), (-2, -2)])
def test_a_window_is_the_volume_with_zeros_around_it(start):
    array = np.arange(1, 101, dtype=np.float32).reshape(1, 10, 10)
    padded = np.pad(array, [(0, 0), (9, 9), (9, 9)])
    row, column = start[0] + 9, start[1] + 9
    expected = padded[:, row : row + 6, column : column + 5]
    np.testing.assert_array_equal(read_window(array, start, (6, 5)), expected)


def test_the_window_is_enlarged_as_nnunet_does_it():
    turned = 96 * np.cos(np.pi / 6) + 96 * np.sin(np.pi / 6)
    assert enlarged_patch((96, 96, 64)) == (int(turned / 0.85),) * 2 + (
        int((96 * 0.5 + 64 * np.cos(np.pi / 6)) / 0.85),
    )
