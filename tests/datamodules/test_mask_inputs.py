from dataclasses import replace

import numpy as np
import pytest
from fakes.masked_slices import slice_experiment

from datamodules.data_info import LabelSet, SegmentationInfo
from datamodules.errors import DataError
from datamodules.mask_inputs import check_first_image, check_image
from datamodules.masks import MasksData
from datamodules.volume import Volume

KNOWN = SegmentationInfo(LabelSet(("a",), exclusive=True), 2, (8, 8), (1.0, 1.0, 3.0))


def test_image_like_those_trained_on_passes():
    check_image(Volume(np.zeros((2, 4, 5, 6)), np.eye(4)), KNOWN)  # a 2D network on volumes


@pytest.mark.parametrize(
    ("image", "told"),
    [
        (Volume(np.zeros((1, 4, 5, 6)), np.eye(4)), "1 channels, and the model takes 2"),
        (
            Volume(np.zeros((2, 4, 5)), np.eye(4)),
            "2 axes, and the model was trained on images of 3",
        ),
        (Volume(np.zeros((2, 4, 5, 6)), np.eye(4), has_spacing=False), "it has no spacing"),
    ],
)
def test_image_of_another_kind_is_refused(image, told):
    with pytest.raises(DataError, match=told):
        check_image(image, KNOWN)


def test_spacing_that_the_model_never_saw_is_refused():
    with pytest.raises(DataError, match="it has a spacing in mm, unlike the images"):
        check_image(Volume(np.zeros((2, 4, 5, 6)), np.eye(4)), replace(KNOWN, has_spacing=False))


def test_the_first_image_is_named_and_one_that_cannot_be_read_is_left_to_the_cache(tmp_path):
    table = MasksData(slice_experiment(tmp_path, images=2).data).table
    with pytest.raises(DataError, match="image-mask-folders, case '0': it has 1 channels"):
        check_first_image(table, KNOWN)
    (tmp_path / "images" / "0.png").write_bytes(b"nothing")
    check_first_image(table, KNOWN)
