from dataclasses import replace

import numpy as np
import pytest
import torch
from fakes.benchmark_sizes import TINY

from datamodules.errors import LightboxError
from experiments.benchmarks import box_loader
from experiments.benchmarks.box_loader import OBJECTS, PIXELS, compare, write_pictures

SMALL = replace(TINY, rounds=1)


def test_loaders_are_compared(tmp_path, monkeypatch):
    monkeypatch.setenv("LIGHTBOX_CACHE", str(tmp_path / "cache"))
    found = list(compare(SMALL, tmp_path))
    assert [each.against for each in found] == ["torchvision from PNG", "torchvision in memory"]
    assert found[0].ours == found[1].ours
    assert min(found[0].ours + found[0].other + found[1].other) > 0


def test_a_loader_that_loses_boxes_is_not_compared(tmp_path, monkeypatch):
    monkeypatch.setenv("LIGHTBOX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(box_loader, "_collate", without_boxes)
    with pytest.raises(LightboxError, match=r"a loader gives 8 pictures with 0 boxes"):
        list(compare(SMALL, tmp_path))


def without_boxes(examples):
    return torch.stack([each for each, _ in examples]), [own[:0] for _, own in examples]


def test_boxes_lie_in_their_pictures(tmp_path):
    boxes = np.stack(write_pictures(tmp_path / "pictures", 5))
    assert boxes.shape == (5, OBJECTS, 4)
    assert (boxes[..., :2] >= 0).all()
    assert (boxes[..., :2] + boxes[..., 2:] <= PIXELS[::-1]).all()
