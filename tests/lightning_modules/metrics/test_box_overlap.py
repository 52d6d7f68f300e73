import numpy as np
import pytest
import torch
from fakes.scored_boxes import boxes_at
from monai.data.box_utils import box_iou
from pycocotools import mask as coco_mask

from lightning_modules.metrics.box_overlap import centre_distances, iou, overlaps


@pytest.fixture(params=[2, 3])
def pairs(request):
    draw = np.random.default_rng(0)
    return boxes_at(draw, 30, request.param, 50.0), boxes_at(draw, 20, request.param, 50.0)


def test_iou_is_that_of_monai(pairs):
    first, second = pairs
    expected = box_iou(torch.tensor(first), torch.tensor(second))
    np.testing.assert_allclose(iou(first, second), expected, atol=1e-6)


def test_share_inside_a_region_is_that_of_pycocotools_with_a_crowd():
    draw = np.random.default_rng(0)
    first, second = boxes_at(draw, 30, 2, 50.0), boxes_at(draw, 20, 2, 50.0)
    corner_and_size = [np.c_[each[:, :2], each[:, 2:] - each[:, :2]] for each in (first, second)]
    expected = coco_mask.iou(*corner_and_size, [True] * 20)
    found = overlaps(first[:, None], second[None], np.array(True))
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_boxes_without_extent_share_nothing():
    flat = np.array([[1.0, 1, 1, 5]])
    assert iou(flat, flat).item() == 0
    assert overlaps(flat, flat, np.array([True])).item() == 0


def test_distance_of_middles_is_in_mm():
    first, second = np.array([[0.0, 0, 0, 2, 2, 2]]), np.array([[0.0, 0, 4, 2, 6, 6]])
    assert centre_distances(first, second, (1.0, 1.5, 1.0)).item() == pytest.approx(5.0)
