import multiprocessing
import time

import numpy as np
import pytest
from fakes.benchmark_sizes import TINY

from datamodules.readers.medmnist import MedMnistReader
from experiments.benchmarks import worker_memory
from experiments.benchmarks.worker_memory import (
    private_megabytes,
    private_megabytes_of,
    sparse_cache,
    write_npz,
)


def hold(megabytes):
    kept = np.ones(megabytes * 10**6, np.uint8)
    time.sleep(60)
    del kept


def test_what_a_process_writes_is_its_own():
    context = multiprocessing.get_context("fork")
    children = [context.Process(target=hold, args=(size,), daemon=True) for size in (0, 40)]
    for child in children:
        child.start()
    time.sleep(0.5)
    little, much = map(private_megabytes_of, children)
    for child in children:
        child.kill()
    assert much - little == pytest.approx(40, abs=1)


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
    monkeypatch.setattr(worker_memory, "private_megabytes", lambda _, cases, sizes: cases / 100)
    (found,) = worker_memory.compare(TINY, tmp_path)
    assert (found.value, found.goal, found.met) == (TINY.cases / 100, 25, False)
    assert found.other == (worker_memory.FEW_CASES / 100,)


def test_the_workers_of_a_process_of_its_own_are_weighed(tmp_path):
    assert 1 < private_megabytes(tmp_path / "new", 2000, TINY) < 100
