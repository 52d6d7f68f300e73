from itertools import chain, product

import numpy as np
import pytest

from datamodules.samplers import EvaluationSampler, TrainingSampler, label_balanced_weights


def draws(sampler):
    return [draw for batch in sampler for draw in batch]


def test_order_is_a_function_of_seed_and_epoch():
    first, second = TrainingSampler(range(40), 4, seed=1), TrainingSampler(range(40), 4, seed=1)
    list(first)
    first.set_epoch(3)
    second.set_epoch(3)
    assert list(first) == list(second)
    second.set_epoch(4)
    assert list(first) != list(second)


def test_epoch_draws_each_case_at_most_once():
    sampler = TrainingSampler(range(41), 4, seed=0)
    indices = [draw.case for draw in draws(sampler)]
    assert len(indices) == 40
    assert len(set(indices)) == 40


def test_resumed_epoch_continues_and_keeps_its_length():
    whole, rest = TrainingSampler(range(40), 4, seed=0), TrainingSampler(range(40), 4, seed=0)
    whole.set_epoch(2)
    rest.resume(2, 3)
    assert len(rest) == 10
    assert list(rest) == list(whole)[3:]


def test_epoch_after_a_resumed_one_is_whole():
    sampler = TrainingSampler(range(40), 4, seed=0)
    sampler.resume(0, 7)
    list(sampler)
    sampler.set_epoch(1)
    assert len(list(sampler)) == 10


def test_processes_share_one_global_order():
    alone = TrainingSampler(range(30), 6, seed=5)
    ranks = [TrainingSampler(range(30), 2, seed=5, rank=r, world_size=3) for r in range(3)]
    together = [sorted(chain.from_iterable(parts)) for parts in zip(*ranks, strict=True)]
    assert together == [sorted(batch) for batch in alone]


def test_few_cases_fill_one_batch():
    sampler = TrainingSampler(range(3), 8, seed=0)
    assert [len(batch) for batch in sampler] == [8]


@pytest.mark.parametrize(
    ("cases", "world"),
    [(n, w) for n, w in product([1, 2, 3, 5, 7, 8, 16, 23, 40], [1, 2, 3, 4]) if n >= w],
)
def test_evaluation_visits_every_case_exactly_once(cases, world):
    ranks = [EvaluationSampler(range(cases), 4, rank=r, world_size=world) for r in range(world)]
    assert all(len(list(rank)) == len(rank) > 0 for rank in ranks)
    assert sorted(draw.case for rank in ranks for draw in draws(rank)) == list(range(cases))


def test_evaluation_batches_are_the_same_under_any_number_of_processes():
    alone = EvaluationSampler(range(23), 4)
    ranks = [EvaluationSampler(range(23), 4, rank=r, world_size=2) for r in range(2)]
    assert sorted(chain.from_iterable(ranks)) == sorted(alone)


def test_balanced_weights_draw_both_outcomes_equally_often():
    targets = np.array([[1.0], [0.0], [0.0], [0.0]])
    weights = label_balanced_weights(targets, exclusive=False)
    assert weights[0] == pytest.approx(weights[1:].sum())


def test_balanced_weights_of_exclusive_classes_are_one_over_their_size():
    targets = np.eye(3)[[0, 0, 0, 1, 1, 2]]
    weights = label_balanced_weights(targets, exclusive=True)
    assert weights.tolist() == pytest.approx([1 / 3] * 3 + [1 / 2] * 2 + [1.0])


def test_case_without_known_label_is_drawn_least():
    targets = np.array([[1.0, np.nan], [0.0, 1.0], [np.nan, np.nan], [0.0, 0.0]])
    weights = label_balanced_weights(targets, exclusive=False)
    assert weights[2] == weights.min() > 0


def test_weighted_sampling_follows_the_weights():
    weights = np.array([0.0, 1.0, 3.0, 0.0])
    sampler = TrainingSampler(range(4), 4, seed=0, weights=weights)
    seen = [d.case for epoch in range(400) for d in (sampler.set_epoch(epoch), draws(sampler))[1]]
    assert set(seen) == {1, 2}
    assert np.mean(np.array(seen) == 2) == pytest.approx(0.75, abs=0.05)
