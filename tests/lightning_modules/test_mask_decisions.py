import numpy as np
import pytest
import torch
from fakes.masked_volumes import segmentation_experiment

from datamodules.data_info import LabelSet
from datamodules.errors import ConfigError
from experiments.session import start
from lightning_modules.configs.operating_points import (
    FixedThresholdConfig,
    TargetSensitivityConfig,
)
from lightning_modules.configs.segmenter import CleanUpConfig, SegmenterConfig
from lightning_modules.mask_decisions import MaskDecisions

ONE = LabelSet(("a",), exclusive=False)
TWO = LabelSet(("a", "b"), exclusive=True)


def decisions(labels=ONE, **settings) -> MaskDecisions:
    return MaskDecisions(SegmenterConfig(**settings), labels)


def test_likeliest_of_exclusive_structures_is_taken():
    logits = torch.tensor([[3.0, 0.0, 0.0], [1.0, 2.0, 0.0], [2.0, 1.0, 0.5]])
    assert decisions(TWO).decide(logits, {}).tolist() == [[0, 1, 2]]


def test_threshold_is_of_the_probability():
    logits = torch.logit(torch.tensor([[0.19, 0.2001, 0.9]]))
    strict = decisions(threshold=FixedThresholdConfig(threshold=0.2))
    assert strict.decide(logits, {}).tolist() == [[0, 1, 1]]


def test_single_exclusive_structure_stands_against_the_background():
    logits = torch.tensor([[1.0, 1.0], [0.0, 1.5]])
    alone = decisions(LabelSet(("a",), exclusive=True))
    assert alone.decide(logits, {}).tolist() == [[0, 1]]
    assert alone.decide(logits, {"thresholds": {"a": {"threshold": 0.2}}}).tolist() == [[1, 1]]


def test_highest_threshold_that_finds_the_share_is_chosen():
    """Of ten voxels inside, the nine most probable must be found: 0.2 and above."""
    wanted = decisions(threshold=TargetSensitivityConfig(sensitivity=0.9))
    probability = np.array([[0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99]], np.float32)
    truth = np.array([[1] * 10 + [0]], np.uint8)
    logits = np.log(probability / (1 - probability))
    assert wanted.lacks_thresholds({})
    point = wanted.choose([{"histograms": wanted.histograms(logits, truth)}], {})
    assert point["thresholds"]["a"]["threshold"] == pytest.approx(0.2, abs=0.006)
    found = wanted.decide(torch.from_numpy(logits), point)[0].numpy()
    assert found[truth[0] == 1].sum() == 9
    assert not wanted.lacks_thresholds(point)


def test_clean_up_is_chosen_only_where_it_helps():
    trying = decisions(clean_up=CleanUpConfig(largest_component=True))
    truth = np.zeros((1, 9, 9), np.uint8)
    truth[0, 1:5, 1:5] = 1
    speck = truth.copy()
    speck[0, 8, 8] = 1
    helped = [trying.clean_up_counts(speck, truth, {}, voxel=1.0)]
    chosen = trying.choose(helped, {})
    assert np.array_equal(trying.cleaned(speck, chosen, 1.0), truth)
    assert trying.choose([trying.clean_up_counts(truth, truth, {}, 1.0)], {}) == {}
    assert trying.clean_up_counts(speck, truth, chosen, 1.0) == {}


def test_exclusive_structures_have_no_threshold_to_choose():
    with pytest.raises(ConfigError, match="the likeliest is taken"):
        decisions(TWO, threshold=TargetSensitivityConfig())


def test_run_reaches_the_sensitivity_it_was_asked_for_and_applies_it_to_test(tmp_path, monkeypatch):
    monkeypatch.setenv("LIGHTBOX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("LIGHTBOX_RUNS", str(tmp_path / "runs"))
    plain = segmentation_experiment(tmp_path / "data", cases=16, epochs=4)
    reader = plain.data.reader.replace(structures=("ball=1,2",))
    task = plain.task.replace(threshold=TargetSensitivityConfig(sensitivity=0.97))
    folder = start(plain.replace(data=plain.data.replace(reader=reader), task=task))
    metrics = folder.metrics()
    chosen = metrics["operating_point"]["thresholds"]["ball"]
    assert chosen["sensitivity"] >= 0.97
    assert metrics["val"]["sensitivity"]["value"] == pytest.approx(0.97, abs=0.02)
    assert metrics["test"]["sensitivity"]["value"] > 0.9


def test_share_that_is_out_of_reach_never_calls_everything_inside():
    wanted = decisions(threshold=TargetSensitivityConfig(sensitivity=0.95))
    logits = np.full((1, 40), 3.0, np.float32)
    logits[0, :10] = -20
    rows = [{"histograms": wanted.histograms(logits, np.ones((1, 40), np.uint8))}]
    chosen = wanted.choose(rows, {})["thresholds"]["a"]
    assert chosen["threshold"] > 0
    assert chosen["sensitivity"] == pytest.approx(0.75)
    assert "out of reach" in chosen["reason"]
