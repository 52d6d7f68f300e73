import pytest
import torch
from monai.data.box_utils import box_iou

from lightning_modules.box_tensors import centred_within, pairwise_iou, volume


def some_boxes(count, axes, seed=0):
    low, sides = torch.rand(2, count, axes, generator=torch.Generator().manual_seed(seed)) * 10
    return torch.cat((low, low + sides + 0.1), dim=1)


@pytest.mark.parametrize("axes", [2, 3])
def test_overlaps_are_monais(axes):
    boxes, others = some_boxes(7, axes), some_boxes(5, axes, seed=1)
    torch.testing.assert_close(pairwise_iou(boxes, others), box_iou(boxes, others))


def test_box_is_within_a_region_where_its_centre_is():
    boxes = torch.tensor([[0.0, 0, 2, 4], [8, 8, 10, 10]])
    regions = torch.tensor([[0.0, 0, 100, 1], [0, 1, 2, 4], [9.5, 0, 20, 20]])
    assert centred_within(boxes, regions).tolist() == [True, False]


def test_nothing_is_within_no_region():
    assert not centred_within(some_boxes(3, 2), torch.zeros(0, 4)).any()


def test_empty_boxes_overlap_with_nothing():
    empty = torch.tensor([[3.0, 3, 3, 5]])
    assert volume(empty).item() == 0
    assert pairwise_iou(empty, empty).item() == 0
