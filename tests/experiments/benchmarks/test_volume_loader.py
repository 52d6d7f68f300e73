import pytest
from fakes.benchmark_sizes import TINY

from experiments.benchmarks import volume_loader
from experiments.benchmarks.volume_loader import compare


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
