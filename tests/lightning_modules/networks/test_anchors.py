import math

import pytest
import torch
from monai.apps.detection.utils.anchor_utils import AnchorGeneratorWithAnchorShape
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.image_list import ImageList

from lightning_modules.networks.anchors import (
    AnchorGrid,
    achievable_recall,
    finest_stride,
    fit_anchors,
)

MAPS = [torch.zeros(2, 1, 4, 6), torch.zeros(2, 1, 2, 3)]
SIZES = torch.tensor([[[8.0, 16.0], [12, 12]], [[16, 32], [24, 24]]])


def test_shapes_of_the_boxes_are_found_at_the_map_of_their_size():
    sizes = [(30.0, 34.0), (34.0, 30.0), (60.0, 120.0), (120.0, 60.0)] * 10
    anchors = fit_anchors(sizes, (8, 16, 32), 2, 2)
    assert sorted(anchors[0].tolist()) == [[30, 34], [34, 30]]
    assert sorted(anchors[1].tolist() + anchors[2].tolist()).count([60, 120]) >= 1
    assert achievable_recall(sizes, anchors, 0.99) == 1


def test_map_without_boxes_has_the_anchors_of_its_neighbour_scaled():
    anchors = fit_anchors([(16.0, 8.0, 16.0)] * 5, (4, 8), 1, 3)
    assert anchors.tolist() == [[[16, 8, 16]], [[32, 16, 32]]]


def test_anchors_of_boxes_that_are_alike_differ():
    anchors = fit_anchors([(32.0, 32.0)] * 9, (8,), 3, 2)[0]
    assert len(anchors.unique(dim=0)) == 3
    assert [32, 32] in anchors.tolist()


def test_no_anchor_is_smaller_than_four_voxels():
    assert fit_anchors([(1.0, 2.0), (2.0, 1.0)], (2, 4), 2, 2).min().item() == 4


def test_small_boxes_are_reached_by_many():
    sizes = [(side, side) for side in (4.0, 6.0, 9.0, 14.0, 20.0, 40.0)] * 5
    anchors = fit_anchors(sizes, (2, 4, 8), 3, 2)
    assert achievable_recall(sizes, anchors, 0.7) == 1


def test_without_boxes_there_are_anchors_and_no_recall():
    anchors = fit_anchors([], (4, 8), 1, 3)
    assert anchors.tolist() == [[[16, 16, 16]], [[32, 32, 32]]]
    assert math.isnan(achievable_recall([], anchors, 0.5))


def test_recall_is_of_boxes_about_the_same_centre():
    anchors = torch.tensor([[[10.0, 10.0]]])
    sizes = [(10.0, 5.0), (10.0, 4.0), (20.0, 20.0), (10.0, 20.0)]  # IoU .5, .4, .25, .5
    assert achievable_recall(sizes, anchors, 0.5) == 0.5


@pytest.mark.parametrize(("side", "stride"), [(40.0, 8), (12.0, 8), (11.9, 4), (5.9, 2), (1.0, 2)])
def test_smallest_objects_have_places_enough_where_there_is_such_a_map(side, stride):
    assert finest_stride([(side, side)] * 9) == stride


def test_a_few_tiny_boxes_make_no_finer_map():
    assert finest_stride([(40.0, 40.0)] * 99 + [(2.0, 2.0)]) == 8


def test_anchors_stand_where_monais_do():
    expected = AnchorGeneratorWithAnchorShape((1, 2), SIZES[0].tolist())
    found = AnchorGrid(SIZES, (4, 8))(None, MAPS)
    assert len(found) == 2
    assert torch.equal(found[0], expected(torch.zeros(2, 1, 16, 24), MAPS)[0])


def test_in_torchvisions_order_x_comes_first_and_places_are_half_a_stride_further():
    theirs = AnchorGenerator(((12,), (24,)), ((1.0,), (1.0,)))
    images = ImageList(torch.zeros(2, 1, 16, 24), [(16, 24)] * 2)
    half = torch.tensor([2.0] * 24 + [4.0] * 6)[:, None]
    found = AnchorGrid(SIZES[:, 1:], (4, 8), xy=True)(images, MAPS)
    assert torch.equal(found[0], theirs(images, MAPS)[0] + half)


def test_coordinates_of_flat_anchors_are_turned_for_torchvision():
    found = AnchorGrid(SIZES[:1, :1], (4,), xy=True)(None, MAPS[:1])[0][0]
    assert found.tolist() == [2 - 8, 2 - 4, 2 + 8, 2 + 4]
