import numpy as np
import pytest
from fakes.benchmark_sizes import TINY

from datamodules.errors import LightboxError
from experiments.benchmarks import box_metrics
from experiments.benchmarks.box_metrics import compare, draw_rows, our_precisions


def test_average_precision_is_compared(tmp_path):
    (found,) = compare(TINY, tmp_path)
    assert (found.goal, found.measure, found.against) == (5, "times faster", "pycocotools")
    assert len(found.ours) == len(found.other) == TINY.rounds
    assert "30 images" in found.subject


def test_programs_that_disagree_are_not_compared(tmp_path, monkeypatch):
    monkeypatch.setattr(box_metrics, "our_precisions", lambda rows: our_precisions(rows) + 2e-6)
    with pytest.raises(LightboxError, match="do not compute the same"):
        list(compare(TINY, tmp_path))


def test_boxes_find_some_objects_and_miss_others():
    found = our_precisions(draw_rows(200))
    assert found.shape == (10, 3)
    assert (np.diff(found, axis=0) <= 0).all()
    assert (found[0] > 0.2).all()
    assert (found[0] < 0.95).all()
