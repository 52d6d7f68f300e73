import pytest
import torch

from lightning_modules.networks.candidate_selection import select_candidates


def boxes(*rows):
    return torch.tensor(rows, dtype=torch.float32)


def select(rows, scores, size, most=300):
    return select_candidates(rows, scores, size, most)


def test_highest_scores_come_first_and_the_lowest_are_left_out():
    found = select(
        boxes([0, 0, 4, 4], [5, 5, 9, 9]), torch.tensor([[0.2, 0.0009], [0.9, 0.5]]), (10, 10)
    )
    assert found.labels.tolist() == [0, 1, 0]
    assert torch.equal(found.scores, torch.tensor([0.9, 0.5, 0.2]))
    assert found.boxes.tolist()[-1] == [0, 0, 4, 4]


def test_boxes_are_cut_off_at_the_border_and_what_is_outside_is_nothing():
    found = select(boxes([-3, 2, 4, 40], [-9, 0, 0, 5]), torch.tensor([[0.9], [0.8]]), (10, 20))
    assert found.boxes.tolist() == [[0, 2, 4, 20]]


def test_boxes_that_all_but_coincide_count_once_and_those_that_overlap_stay():
    rows = boxes([0, 0, 100, 100], [0, 0, 100, 95], [0, 0, 100, 80])
    found = select(rows, torch.tensor([[0.9], [0.8], [0.7]]), (100, 100))
    assert found.boxes[:, 3].tolist() == [100, 80]


def test_what_was_left_out_leaves_nothing_out():
    rows = boxes([0, 0, 100, 100], [0, 0, 100, 93], [0, 0, 100, 87])
    found = select(rows, torch.tensor([[0.9], [0.8], [0.7]]), (100, 100))
    assert found.boxes[:, 3].tolist() == [100, 87]


def test_same_box_of_two_classes_stays():
    found = select(boxes([0, 0, 4, 4]), torch.tensor([[0.9, 0.8]]), (8, 8))
    assert found.labels.tolist() == [0, 1]


@pytest.mark.parametrize("most", [300, 1200])
def test_there_are_so_many_at_most(most):
    places = torch.arange(1500.0)[:, None] * 2
    rows = torch.cat((places, places * 0, places + 2, places * 0 + 2), dim=1)
    scores = torch.linspace(0.1, 0.9, 1500)[:, None]
    found = select(rows, scores, (3000, 2), most)
    assert torch.equal(found.scores, scores.flatten().flip(0)[:most])


def test_volumes_are_selected_from_too():
    found = select(boxes([0, 0, -2, 4, 4, 9]), torch.tensor([[0.9]]), (8, 8, 8))
    assert found.boxes.tolist() == [[0, 0, 0, 4, 4, 8]]
