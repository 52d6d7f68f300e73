import multiprocessing
import time

import numpy as np
import pytest

from datamodules.errors import LightboxError
from experiments.benchmarks.worker_memory import (
    heaviest_worker,
    measured_apart,
    private_megabytes_of,
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


def test_a_loader_of_other_images_is_not_weighed():
    with pytest.raises(LightboxError, match=r"the loader gives \(2, 3\)"):
        heaviest_worker([{"image": np.zeros((2, 3))}], (4,))


def test_a_process_that_fails_is_told(tmp_path):
    with pytest.raises(LightboxError, match=r"cannot be weighed.*no_such_module"):
        measured_apart("experiments.benchmarks.no_such_module", tmp_path / "new", ())
