import pytest
import torch

from lightning_modules.occlusion import occlusion


@pytest.mark.parametrize("size", [(16, 16), (16, 16, 16), (5, 9)])
def test_evidence_is_where_hiding_takes_the_logit_away(size):
    image = torch.zeros(1, *size)
    image[(0, *(slice(2, 4) for _ in size))] = 1
    found = occlusion(lambda images: images.flatten(1).sum(1), image - image.mean())
    peak = torch.unravel_index(found.argmax(), found.shape)
    assert all(1 <= at <= 4 for at in peak)


def test_the_fall_of_a_box_is_shared_by_the_boxes_about_a_place():
    image = torch.zeros(1, 8, 8)
    image[0, 3, 3] = 64.0  # its mean is 1; boxes of 2 x 2, one each step of 1
    found = occlusion(lambda images: images[:, 0, 3, 3], image)
    assert found[3, 3] == 63  # every box about it hides it
    assert found[2, 3] == 63 / 2  # two of the four boxes about this place
    assert found[2, 2] == 63 / 4
    assert found[5, 5] == 0


def test_what_speaks_against_a_label_is_no_evidence_for_it():
    image = torch.rand(1, 8, 8)
    assert occlusion(lambda images: -images.flatten(1).amax(1), image).min() >= 0
