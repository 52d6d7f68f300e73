import numpy as np
import pytest

from datamodules.batches import UNKNOWN
from lightning_modules.metrics.mask_crops import channel, inside, structure_boxes, union_box


def masks():
    """Two label maps of a structure in both, one in the second only, and one in neither."""
    first, second = np.zeros((2, 1, 6, 7, 8), dtype=np.uint8)
    first[0, 1, 2, 3] = second[0, 4, 2, 7] = 1
    second[0, 3, 3:5, 0] = 2
    second[0, 5] = UNKNOWN
    return first, second


def apart(mask):
    return np.concatenate([mask == number for number in (1, 2, 3)]).astype(np.uint8)


@pytest.mark.parametrize("change", [lambda mask: mask, apart])
def test_boxes_hold_a_structure_of_all_masks_and_no_more(change):
    boxes = structure_boxes(3, *map(change, masks()))
    assert boxes == [
        (slice(1, 5), slice(2, 3), slice(3, 8)),
        (slice(3, 4), slice(3, 5), slice(0, 1)),
        None,
    ]


@pytest.mark.parametrize("change", [lambda mask: mask, apart])
def test_the_inside_is_cut_to_the_box(change):
    _, second = map(change, masks())
    box = (slice(2, 5), slice(2, 4), slice(0, 2))
    np.testing.assert_array_equal(inside(second, 1, box), masks()[1][0][box] == 2)


def test_a_structure_of_a_label_map_has_all_of_it():
    mask, separate = np.zeros((1, 4, 4), dtype=np.uint8), np.eye(4, dtype=np.uint8)[:, :, None]
    assert channel(mask, 2).shape == (4, 4)
    np.testing.assert_array_equal(channel(separate, 2), separate[2])


def test_the_box_around_bool_masks():
    first, second = (mask[0] == 1 for mask in masks())
    assert union_box(first, second) == (slice(1, 5), slice(2, 3), slice(3, 8))
    assert union_box(first) == (slice(1, 2), slice(2, 3), slice(3, 4))
    assert union_box(first & second) is None
