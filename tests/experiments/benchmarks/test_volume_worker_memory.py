from fakes.benchmark_sizes import TINY

from experiments.benchmarks import volume_worker_memory
from experiments.benchmarks.volume_worker_memory import private_megabytes, sparse_cache


def test_the_sparse_map_is_read_as_volumes_and_takes_no_room(tmp_path):
    cache = sparse_cache(tmp_path / "sparse", 1000, (64, 64, 32))
    assert cache.image(999).shape == (1, 64, 64, 32)
    assert not cache.mask(0).any()
    blocks = [path.stat().st_blocks for path in (tmp_path / "sparse").glob("*.bin")]
    assert sum(blocks) * 512 < 10**5


def test_many_volumes_are_held_against_the_goal_and_shown_beside_few(tmp_path, monkeypatch):
    monkeypatch.setattr(volume_worker_memory, "private_megabytes", lambda _, cases, sizes: cases)
    (found,) = volume_worker_memory.compare(TINY, tmp_path)
    assert (found.value, found.goal, found.met) == (TINY.many_volumes, 25, False)
    assert found.other == (volume_worker_memory.FEW_CASES,)


def test_the_workers_of_a_process_of_its_own_are_weighed(tmp_path):
    assert 1 < private_megabytes(tmp_path / "new", 200, TINY) < 100
