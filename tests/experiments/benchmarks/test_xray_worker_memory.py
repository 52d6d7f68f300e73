from fakes.benchmark_sizes import TINY

from datamodules.readers.medmnist import MedMnistReader
from experiments.benchmarks import xray_worker_memory
from experiments.benchmarks.xray_worker_memory import (
    private_megabytes,
    sparse_cache,
    write_npz,
)


def test_the_sparse_map_is_read_as_films_and_takes_no_room(tmp_path):
    cache = sparse_cache(tmp_path, 1000, 224)
    assert not cache.read(999).any()
    assert cache.read(0).shape == (224, 224)
    assert (tmp_path / "sparse" / "images.npy").stat().st_blocks * 512 < 10**5


def test_the_films_are_a_dataset_with_an_official_split(tmp_path):
    write_npz(tmp_path, 200)
    cases = MedMnistReader(root=str(tmp_path), download=False).read().cases
    assert [sum(case.split == side for case in cases) for side in ("train", "val")] == [180, 10]


def test_many_cases_are_held_against_the_goal_and_shown_beside_few(tmp_path, monkeypatch):
    monkeypatch.setattr(
        xray_worker_memory, "private_megabytes", lambda _, cases, sizes: cases / 100
    )
    (found,) = xray_worker_memory.compare(TINY, tmp_path)
    assert (found.value, found.goal, found.met) == (TINY.cases / 100, 25, False)
    assert found.other == (xray_worker_memory.FEW_CASES / 100,)


def test_the_workers_of_a_process_of_its_own_are_weighed(tmp_path):
    assert 1 < private_megabytes(tmp_path / "new", 2000, TINY) < 100
