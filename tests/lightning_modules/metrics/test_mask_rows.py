import json
import math

import numpy as np
import pytest

from datamodules.batches import UNKNOWN
from lightning_modules.metrics.mask_rows import score_masks

NAMES = ("liver", "spleen")
TOLERANCES = {"liver": 2.0, "spleen": 1.0}
SPACING = (1.0, 2.0, 3.0)


def label_map(*blocks):
    """Label map ``(1, 8, 9, 10)`` with ``(label, first, last)`` along the first axis."""
    mask = np.zeros((1, 8, 9, 10), dtype=np.uint8)
    for label, first, last in blocks:
        mask[0, first:last, 3:6, 4:7] = label
    return mask


def apart(mask):
    """The same as a mask for each structure."""
    unknown = mask == UNKNOWN
    masks = np.concatenate([mask == 1, mask == 2]).astype(np.uint8)
    masks[np.repeat(unknown, 2, axis=0)] = UNKNOWN
    return masks


def test_a_row_is_plain_values():
    scores = score_masks(label_map((1, 1, 4)), label_map((1, 2, 5)), NAMES, SPACING, TOLERANCES)
    assert json.loads(json.dumps(scores)) == scores
    assert scores["spacing"] == [1, 2, 3]
    assert scores["diagonal"] == pytest.approx(math.sqrt(8**2 + 18**2 + 30**2))


def test_voxels_and_surfaces_of_a_moved_block():
    found = score_masks(label_map((1, 1, 4)), label_map((1, 2, 5)), NAMES, SPACING, TOLERANCES)
    liver = found["structures"]["liver"]
    assert (liver["tp"], liver["fp"], liver["fn"], liver["tn"]) == (18, 9, 9, 720 - 36)
    assert liver["hd95"] == 1
    assert 0 < liver["assd"] < 1
    assert liver["surface_dice"] == 1


def test_cheap_rows_have_counts_only():
    found = score_masks(label_map((1, 1, 4)), label_map((1, 2, 5)), NAMES, SPACING)
    assert set(found["structures"]["liver"]) == {"tp", "fp", "fn", "tn"}


@pytest.mark.parametrize(
    ("prediction", "truth", "surface_dice"),
    [((), (), None), ([(2, 1, 3)], (), 0.0), ((), [(2, 1, 3)], 0.0)],
)
def test_empty_masks_have_no_distances(prediction, truth, surface_dice):
    found = score_masks(label_map(*prediction), label_map(*truth), NAMES, SPACING, TOLERANCES)
    spleen = found["structures"]["spleen"]
    assert (spleen["hd95"], spleen["assd"]) == (None, None)
    assert spleen["surface_dice"] == surface_dice


def test_label_maps_and_separate_masks_give_the_same():
    prediction, truth = label_map((1, 1, 4), (2, 4, 6)), label_map((1, 2, 4), (2, 4, 7))
    truth[:, :, :, 4] = UNKNOWN
    shared = (NAMES, SPACING, TOLERANCES, NAMES)
    assert score_masks(prediction, truth, *shared) == score_masks(
        apart(prediction), apart(truth), *shared
    )


def test_what_is_called_where_nothing_is_known_counts_nowhere():
    truth, prediction = label_map((1, 2, 5)), label_map((1, 2, 5))
    truth[:, 6:] = UNKNOWN
    clean = score_masks(prediction, truth, NAMES, SPACING, TOLERANCES)
    prediction[:, 6:] = 1
    assert score_masks(prediction, truth, NAMES, SPACING, TOLERANCES) == clean


def test_masks_are_not_changed():
    masks = label_map((1, 1, 4)), label_map((1, 2, 5))
    masks[1][:, 7] = UNKNOWN
    before = [mask.copy() for mask in masks]
    score_masks(*masks, NAMES, SPACING, TOLERANCES, NAMES)
    np.testing.assert_array_equal(before, masks)


def test_centrelines_are_counted_where_asked_for():
    prediction, truth = label_map((1, 0, 8)), label_map((1, 0, 8))
    found = score_masks(prediction, truth, NAMES, SPACING, centrelines=("liver",))["structures"]
    inside, predicted, *_ = found["liver"]["centrelines"]
    assert inside == predicted > 0
    assert "centrelines" not in found["spleen"]
