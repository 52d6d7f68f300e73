import numpy as np
import pytest
from fakes.benchmark_sizes import TINY

from datamodules.errors import LightboxError
from experiments.benchmarks import classification_metrics
from experiments.benchmarks.classification_metrics import compare, draw_scores


def test_both_figures_are_compared(tmp_path):
    exact, bootstraps = compare(TINY, tmp_path)
    assert (exact.goal, bootstraps.goal) == (5, 30)
    assert {exact.measure, bootstraps.measure} == {"times faster"}
    for each in (exact, bootstraps):
        assert len(each.ours) == len(each.other) == TINY.rounds
        assert min(each.ours + each.other) > 0


def test_programs_that_disagree_are_not_compared(tmp_path, monkeypatch):
    monkeypatch.setattr(classification_metrics, "auroc", lambda *_: np.array([0.5]))
    with pytest.raises(LightboxError, match="do not compute the same"):
        list(compare(TINY, tmp_path))


def test_scores_are_probabilities_with_the_precision_of_both_programs():
    scores, targets = draw_scores(300)
    assert ((scores > 0) & (scores < 1)).all()
    np.testing.assert_array_equal(scores.astype(np.float32), scores)
    assert targets.sum() == 100
