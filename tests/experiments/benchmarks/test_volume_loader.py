import numpy as np
import pytest
from fakes.benchmark_sizes import TINY

from experiments.benchmarks import volume_loader
from experiments.benchmarks.volume_loader import compare, enlarged_patch, read_window


def test_every_loader_gives_patches_of_the_same_size(tmp_path, monkeypatch):
    monkeypatch.setattr(volume_loader, "WORKERS", 0)
    monkeypatch.setattr(volume_loader, "find_spec", lambda name: None)
    (found,) = compare(TINY, tmp_path)
    assert (found.against, found.measure, found.goal) == ("MONAI CacheDataset", "times the rate", 5)
    assert len(found.ours) == len(found.other) == TINY.rounds
    assert min(found.ours + found.other) > 0


def test_a_missing_opponent_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(volume_loader, "WORKERS", 0)
    monkeypatch.setattr(volume_loader, "find_spec", lambda name: None)
    list(compare(TINY, tmp_path))
    assert "skipped: batchgeneratorsv2 is not installed" in capsys.readouterr().err


def test_nnunets_part_runs_where_it_is_installed(tmp_path, monkeypatch):
    pytest.importorskip("batchgeneratorsv2")
    monkeypatch.setattr(volume_loader, "WORKERS", 0)
    _, found = compare(TINY, tmp_path)
    assert (found.against, found.goal) == ("map + batchgeneratorsv2", 1.8)


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
