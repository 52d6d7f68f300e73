import numpy as np

from datamodules.batches import UNKNOWN, separated


def test_label_map_becomes_a_channel_for_each_structure():
    mask = np.array([[0, 1, 2, UNKNOWN]], np.uint8)
    assert separated(mask, 2).tolist() == [[0, 1, 0, UNKNOWN], [0, 0, 1, UNKNOWN]]


def test_mask_of_a_channel_for_each_structure_stays_as_it_is():
    mask = np.array([[0, 1], [1, UNKNOWN]], np.uint8)
    assert separated(mask, 2) is mask
    assert separated(mask[:1], 1).tolist() == [[0, 1]]
