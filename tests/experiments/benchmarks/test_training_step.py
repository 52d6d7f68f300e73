import json

import pytest
import torch
from fakes.benchmark_sizes import TINY

from experiments.benchmarks.bare_loop import BATCH_SIZE, EPOCHS, Work, bare_epochs
from experiments.benchmarks.training_step import compare, lightbox_epochs


@pytest.fixture
def work():
    return Work.of(TINY.steps)


def test_both_programs_end_with_the_same_weights(work):
    module, times = lightbox_epochs(work)
    network, bare_times = bare_epochs(work)
    assert len(times) == len(bare_times) == EPOCHS
    ours, other = module.network.state_dict(), network.state_dict()
    assert all(torch.equal(ours[name], other[name]) for name in other)
    assert not torch.equal(ours["1.weight"], work.network.state_dict()["1.weight"])


def test_every_step_logs_seven_scalars(work, tmp_path):
    lightbox_epochs(work)
    (log,) = tmp_path.glob("runs/benchmark/*/metrics.jsonl")
    rows = [json.loads(line)["values"] for line in log.read_text().splitlines()]
    steps = [row for row in rows if "train/loss" in row]
    assert len(steps) == EPOCHS * TINY.steps
    assert {"train/accuracy", "train/brier", "train/largest_logit"} <= set(steps[0])
    assert len(set(steps[0]) - {"train/lr", "train/cases_per_second"}) == 7


def test_the_four_metrics_are_of_every_training_case(work):
    module, _ = lightbox_epochs(work)
    assert len({row["case_id"] for row in module.rows["train"]}) == TINY.steps * BATCH_SIZE
    four = {"auroc", "average_precision", "sensitivity", "specificity"}
    assert four <= set(module.summaries["train"])


def test_the_difference_is_compared_and_the_threads_are_given_back(tmp_path):
    before = torch.get_num_threads()
    (found,) = compare(TINY, tmp_path)
    assert (found.measure, found.goal, found.against) == ("longer", 1.0, "bare loop")
    assert found.value == pytest.approx(sum(found.ours) / 2 - sum(found.other) / 2)
    assert torch.get_num_threads() == before
