import json

import numpy as np
import pytest
import torch
from fakes.scored_boxes import boxes_at
from monai.data.box_utils import non_max_suppression
from torchvision.ops import batched_nms

from lightning_modules.found_boxes import FoundBoxes, suppress, suppress_many

NMS_IOUS = [0.1, 0.3, 0.5, 0.7]


def drawn(seed, count=200, axes=2, classes=3):
    draw = np.random.default_rng(seed)
    scores = np.sort(draw.uniform(0.01, 1, count))[::-1]
    return FoundBoxes(boxes_at(draw, count, axes, 80.0), scores, draw.integers(0, classes, count))


@pytest.mark.parametrize("seed", range(5))
def test_suppression_of_flat_boxes_is_that_of_torchvision(seed):
    found = drawn(seed)
    for nms_iou, kept in zip(NMS_IOUS, suppress(found, NMS_IOUS), strict=True):
        tensors = [torch.from_numpy(np.array(each)) for each in found]
        expected = batched_nms(*tensors, nms_iou)
        assert np.flatnonzero(kept).tolist() == sorted(expected.tolist())


@pytest.mark.parametrize("seed", range(5))
def test_suppression_in_volumes_is_that_of_monai(seed):
    found = drawn(seed, axes=3, classes=1)
    for nms_iou, kept in zip(NMS_IOUS, suppress(found, NMS_IOUS), strict=True):
        expected = non_max_suppression(found.boxes, found.scores.copy(), nms_iou)
        assert np.flatnonzero(kept).tolist() == sorted(expected.tolist())


@pytest.mark.parametrize("axes", [2, 3])
@pytest.mark.parametrize("nms_iou", NMS_IOUS)
def test_many_boxes_are_suppressed_as_few_are(axes, nms_iou):
    found = drawn(7, count=400, axes=axes)
    near = found.boxes + np.random.default_rng(0).uniform(-2, 2, found.boxes.shape)
    pairs = (found, found._replace(boxes=near))
    found = FoundBoxes(*(np.concatenate(each) for each in zip(*pairs, strict=True))).ranked()
    kept = suppress_many(found, nms_iou)
    assert (~kept).sum() > 20
    assert kept.tolist() == suppress(found, [nms_iou])[0].tolist()


def test_among_no_boxes_none_is_suppressed():
    assert suppress_many(drawn(0, count=0), 0.5).shape == (0,)


def test_lists_are_plain_and_give_the_boxes_back():
    found = FoundBoxes(*(np.asarray(each, np.float32) for each in drawn(0)[:2]), drawn(0).labels)
    again = FoundBoxes.from_lists(json.loads(json.dumps(found.as_lists())), axes=2)
    np.testing.assert_allclose(again.boxes, found.boxes, atol=1e-3)
    np.testing.assert_allclose(again.scores, found.scores, atol=1e-6)
    assert again.labels.tolist() == found.labels.tolist()


def test_ranked_boxes_come_from_the_highest_score_without_the_least():
    found = FoundBoxes(np.zeros((3, 4)), np.array([0.2, 0.001, 0.9]), np.zeros(3, int))
    assert found.ranked().scores.tolist() == [0.9, 0.2]
