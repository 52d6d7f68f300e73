import pytest
from fakes.benchmark_sizes import TINY

from datamodules.errors import LightboxError
from experiments.benchmarks import volume_preprocessing
from experiments.benchmarks.volume_preprocessing import compare


def test_the_same_voxels_are_timed(tmp_path):
    (found,) = compare(TINY, tmp_path)
    assert (found.goal, found.measure) == (4, "times faster")
    assert len(found.ours) == len(found.other) == TINY.rounds


def test_voxels_that_differ_are_not_compared(tmp_path, monkeypatch):
    prepare = volume_preprocessing.prepare
    monkeypatch.setattr(volume_preprocessing, "prepare", lambda path: prepare(path) + 0.01)
    with pytest.raises(LightboxError, match="not give the same voxels"):
        list(compare(TINY, tmp_path))
