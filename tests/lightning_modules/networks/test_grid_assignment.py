import pytest
import torch

from lightning_modules.networks.anchors import cell_centres
from lightning_modules.networks.grid_assignment import LEAST_QUALITY, assign

CENTRES = cell_centres((4, 4), 4, torch.device("cpu"))  # 2, 6, 10, 14 along each axis
EXACT = torch.cat((CENTRES - 4, CENTRES + 4), dim=1)


def assigned(truth, boxes=EXACT, scores=None, reach=4.0, places=10):
    truth = torch.tensor(truth, dtype=torch.float32).reshape(-1, 4)
    scores = torch.full((16, len(truth)), 0.5) if scores is None else scores
    return assign(scores, boxes, CENTRES, truth, reach, places)


def test_without_objects_all_is_background():
    found = assigned([])
    assert (found.objects == -1).all()
    assert (found.qualities == 0).all()


def test_places_learn_the_object_that_they_lie_in():
    found = assigned([[0, 0, 8, 8], [8, 8, 16, 16]])
    expected = torch.tensor([[0, 0, -1, -1], [0, 0, -1, -1], [-1, -1, 1, 1], [-1, -1, 1, 1]])
    assert torch.equal(found.objects, expected.flatten())


def test_best_place_is_asked_for_its_overlap():
    found = assigned([[2, 2, 10, 10]], places=1)
    assert found.objects.argmax() == 5
    assert found.qualities[5].item() == pytest.approx(1)
    assert found.qualities.count_nonzero() == 1


def test_of_two_that_overlap_alike_the_surer_one_is_better():
    scores = torch.full((16, 1), 0.1)
    scores[6] = 0.4
    found = assigned([[4, 4, 12, 12]], scores=scores)
    assert found.qualities.argmax() == 6
    # Shares of the best: (.1 / .4) ** .5, as all four overlap by 36 / 92.
    assert found.qualities[5].item() == pytest.approx(36 / 92 / 2, rel=1e-4)


def test_object_between_places_is_learned_by_those_around_it():
    found = assigned([[7.5, 7.5, 8.5, 8.5]])
    assert (found.objects >= 0).nonzero().flatten().tolist() == [5, 6, 9, 10]


def test_object_that_nothing_overlaps_is_learned_all_the_same():
    found = assigned([[4, 4, 12, 12]], boxes=EXACT + 100)
    assert (found.objects >= 0).any()
    assert found.qualities.max().item() == pytest.approx(LEAST_QUALITY)


def test_place_of_two_objects_learns_the_one_that_it_overlaps_more():
    found = assigned([[0, 0, 16, 16], [2, 2, 10, 10]], places=16)
    assert found.objects[5] == 1
    assert found.objects[15] == 0


def test_every_object_counts_alike_however_many_places_learn_it():
    found = assigned([[0, 0, 12, 12], [12, 12, 16, 16]])
    assert (found.objects == 0).sum() > (found.objects == 1).sum()
    sums = [found.weights[found.objects == each].sum().item() for each in range(2)]
    assert sums == pytest.approx([1, 1])
