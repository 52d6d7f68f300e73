from dataclasses import replace

import numpy as np
import pytest
from fakes.benchmark_sizes import TINY

from datamodules.errors import LightboxError
from experiments.benchmarks import segmentation_metrics
from experiments.benchmarks.segmentation_metrics import compare, draw_masks

SMALL = replace(TINY, volume=(28, 26, 18))


def test_overlap_and_surfaces_are_compared(tmp_path):
    overlap, surfaces = compare(SMALL, tmp_path)
    assert (overlap.goal, surfaces.goal) == (10, 2.5)
    assert "28 x 26 x 18" in overlap.subject
    for each in (overlap, surfaces):
        assert each.measure == "times faster"
        assert len(each.ours) == len(each.other) == SMALL.rounds
        assert min(each.ours + each.other) > 0


@pytest.mark.parametrize("name", ["our_dice", "our_surfaces"])
def test_programs_that_disagree_are_not_compared(tmp_path, monkeypatch, name):
    monkeypatch.setattr(segmentation_metrics, name, lambda *_: np.full(3, 0.5))
    with pytest.raises(LightboxError, match="do not compute the same"):
        list(compare(SMALL, tmp_path))


def test_masks_hold_every_structure_and_differ():
    prediction, truth = draw_masks(SMALL.volume)
    assert set(np.unique(prediction)) == set(np.unique(truth)) == {0, 1, 2, 3}
    assert 0.05 < np.mean(truth > 0) < 0.6
    assert (prediction != truth).any()
