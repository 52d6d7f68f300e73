import pytest
import torch

from lightning_modules.networks.detection import Candidates, DetectionNetwork
from lightning_modules.window_detection import Windows, detect_tiles, detect_views


class BrightBoxes(DetectionNetwork):
    """Finds the one box about what is not 0, if there is anything."""

    def __init__(self) -> None:
        super().__init__(8, torch.empty(0))

    def losses(self, images, boxes, labels):
        raise NotImplementedError

    def candidates(self, images):
        return [self._of(image) for image in images]

    def _of(self, image):
        places = image[0].nonzero()
        if not len(places):
            none = torch.empty(0)
            return Candidates(none.reshape(0, 2 * (image.ndim - 1)), none, none.long())
        box = torch.cat([places.amin(0), places.amax(0) + 1]).float()
        return Candidates(box[None], torch.tensor([0.9]), torch.tensor([0]))


def case_with(low, high, shape):
    image = torch.zeros((1, *shape))
    image[(0, *(slice(a, b) for a, b in zip(low, high, strict=True)))] = 1
    return image


@pytest.mark.parametrize("size", [None, (16, 24)])
def test_box_is_found_where_it_is(size):
    image = case_with((20, 33), (26, 39), (37, 50))
    (view,) = detect_views([BrightBoxes()], image, Windows(size, 0.5, batch_size=4))
    assert [20, 33, 26, 39] in view.boxes.tolist()


def test_mirror_images_are_turned_back():
    image = case_with((2, 3, 4), (6, 9, 10), (16, 17, 18))
    views = detect_views([BrightBoxes()], image, Windows(None), mirror_axes=(0, 1, 2))
    assert len(views) == 8
    assert all(view.boxes.tolist() == [[2, 3, 4, 6, 9, 10]] for view in views)


def test_every_network_has_its_say():
    image = case_with((2, 3), (6, 9), (16, 17))
    assert len(detect_views([BrightBoxes(), BrightBoxes()], image, Windows(None))) == 2


def test_no_piece_is_left_of_what_a_border_has_cut():
    image = case_with((20, 27), (26, 35), (37, 50))
    (view,) = detect_views([BrightBoxes()], image, Windows((16, 24), 0.7))
    assert {tuple(box) for box in view.boxes.tolist()} == {(20, 27, 26, 35)}


def test_tiles_are_seen_as_each_alone_would_be():
    tiles = [
        case_with((2, 3), (6, 9), (16, 17)),
        case_with((1, 4), (8, 6), (14, 17)),
        torch.zeros((1, 16, 16)),
    ]
    networks = [BrightBoxes(), BrightBoxes()]
    together = detect_tiles(networks, tiles, mirror_axes=(0, 1))
    for tile, own in zip(tiles, together, strict=True):
        alone = detect_views(networks, tile, Windows(None), mirror_axes=(0, 1))
        assert [view.boxes.tolist() for view in own] == [view.boxes.tolist() for view in alone]


def test_nothing_in_a_case_is_nothing_found():
    (view,) = detect_views([BrightBoxes()], torch.zeros((1, 30, 30)), Windows((16, 16)))
    assert view.boxes.shape == (0, 4)
