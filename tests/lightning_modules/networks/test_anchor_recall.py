import inspect
import logging

import pytest
import torch
from monai.apps.detection.utils.anchor_utils import AnchorGeneratorWithAnchorShape
from torchvision.models.detection.faster_rcnn import _default_anchorgen

from lightning_modules.networks.anchor_recall import (
    anchor_recall,
    decisive_recall,
    say_recall,
    smallest_tenth,
    usual_anchors,
)

SQUARE = torch.tensor([[[10.0, 10.0]]])


def test_recall_is_as_worked_by_hand():
    """IoU of a square of 10 with 5 x 10 is 0.5, with 4 x 10 is 0.4, with 20 x 10 is 0.5."""
    sizes = [(5.0, 10.0)] * 2 + [(4.0, 10.0)] * 3 + [(20.0, 10.0)] * 5
    (found,) = anchor_recall(sizes, SQUARE)
    assert (found.iou, found.overall, found.smallest) == (0.5, 0.7, 0.0)


def test_volumes_are_measured_at_three_overlaps():
    """A cube of 10 shares 0.4 with 10 x 10 x 4, and 0.125 with one of side 5."""
    sizes = [(10.0, 10.0, 4.0)] + [(5.0, 5.0, 5.0)] * 3
    found = anchor_recall(sizes, torch.tensor([[[10.0, 10.0, 10.0]]]))
    assert [(each.iou, each.overall) for each in found] == [(0.1, 1), (0.3, 0.25), (0.5, 0)]
    assert decisive_recall(sizes, torch.tensor([[[10.0, 10.0, 10.0]]])).iou == 0.3


def test_smallest_tenth_goes_by_area_and_is_one_at_least():
    sizes = [(9.0, 9.0), (1.0, 30.0), (4.0, 4.0)]
    assert smallest_tenth(sizes) == [(4.0, 4.0)]
    assert len(smallest_tenth(sizes * 10)) == 3


def test_usual_anchors_are_those_of_torchvision():
    for ours, theirs in zip(usual_anchors(2), _default_anchorgen().cell_anchors, strict=True):
        sides = theirs[:, 2:] - theirs[:, :2]  # x before y, rounded to whole pixels
        assert torch.allclose(ours.flip(-1), sides, atol=1.01)


def test_usual_anchors_are_the_defaults_of_monai():
    settings = inspect.signature(AnchorGeneratorWithAnchorShape).parameters
    scales = settings["feature_map_scales"].default
    shapes = torch.tensor(settings["base_anchor_shapes"].default, dtype=torch.float32)
    assert torch.equal(usual_anchors(3), torch.stack([shapes * scale for scale in scales]))


@pytest.mark.parametrize(("near", "warned"), [(9, False), (8, True)])
def test_a_recall_below_nine_tenths_is_warned_of(near, warned, caplog):
    caplog.set_level(logging.INFO, "lightbox")
    logging.getLogger("lightbox").propagate = True
    say_recall([(10.0, 10.0)] * near + [(3.0, 3.0)] * (10 - near), SQUARE)
    levels = {record.levelname for record in caplog.records}
    assert levels == ({"INFO", "WARNING"} if warned else {"INFO"})
    assert f"{near}0.0% of boxes (0.0% of the smallest tenth) at IoU 0.5" in caplog.text
    assert ("--task.network.anchors" in caplog.text) is warned


def test_without_boxes_nothing_is_said(caplog):
    logging.getLogger("lightbox").propagate = True
    say_recall([], SQUARE)
    assert not caplog.records
