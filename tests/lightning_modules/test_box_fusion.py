import numpy as np
import pytest

from lightning_modules.box_fusion import fuse_boxes
from lightning_modules.found_boxes import FoundBoxes


def found(*boxes):
    """Boxes of one view: their corners, scores and labels."""
    corners, scores, labels = zip(*boxes, strict=True) if boxes else ((), (), ())
    return FoundBoxes(
        np.array(corners, float).reshape(-1, 4), np.array(scores, float), np.array(labels, int)
    )


def test_fused_box_is_the_mean_weighted_by_scores_and_its_score_their_mean():
    fused = fuse_boxes([found(([0, 0, 10, 10], 0.9, 0)), found(([0, 0, 10, 13], 0.6, 0))])
    np.testing.assert_allclose(fused.boxes, [[0, 0, 10, (0.9 * 10 + 0.6 * 13) / 1.5]])
    assert fused.scores.tolist() == pytest.approx([0.75])


def test_score_of_what_one_of_three_views_found_is_a_third():
    fused = fuse_boxes([found(([0, 0, 10, 10], 0.9, 0)), found(), found()])
    assert fused.scores.tolist() == pytest.approx([0.3])


def test_more_boxes_than_views_count_as_all_of_them():
    twice = found(([0, 0, 10, 10], 0.8, 0), ([0, 0, 10, 10], 0.4, 0))
    assert fuse_boxes([twice]).scores.tolist() == pytest.approx([0.6])


def test_boxes_of_other_classes_and_other_places_stay_apart():
    views = [
        found(([0, 0, 10, 10], 0.4, 0), ([0, 0, 10, 10], 0.8, 1)),
        found(([30, 30, 40, 40], 0.6, 0)),
    ]
    fused = fuse_boxes(views)
    assert fused.labels.tolist() == [1, 0, 0]
    assert fused.scores.tolist() == pytest.approx([0.4, 0.3, 0.2])


def test_third_box_is_compared_with_what_is_fused_so_far():
    views = [
        found(([0, 0, 10, 10], 0.9, 0)),
        found(([0, 0, 10, 16], 0.9, 0)),
        found(([0, 0, 10, 20], 0.9, 0)),  # IoU 0.5 with the first, 0.65 with 10 x 13
    ]
    fused = fuse_boxes(views, least_iou=0.6)
    np.testing.assert_allclose(fused.boxes, [[0, 0, 10, 46 / 3]])


def test_nothing_fused_is_nothing():
    assert len(fuse_boxes([found(), found()]).scores) == 0
