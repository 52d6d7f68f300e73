from fakes.benchmark_sizes import TINY

from experiments.benchmarks import gradient_checkpointing
from experiments.benchmarks.gradient_checkpointing import NETWORKS, compare, measure_apart


def test_either_network_has_its_goals_in_memory_and_time(tmp_path, monkeypatch):
    found = {"with": (60.0, 3.0), "without": (100.0, 2.0)}
    monkeypatch.setattr(gradient_checkpointing, "measure_apart", lambda *words: found[words[2]])
    memory, time, *others = compare(TINY, tmp_path)
    assert len(others) == 2 * len(NETWORKS) - 2
    assert (memory.value, memory.goal, memory.met) == (0.6, 0.75, True)
    assert (time.value, time.goal, time.unit) == (1.5, 2, "s")
    assert len(memory.ours) == TINY.rounds


def test_a_step_in_a_process_of_its_own_takes_memory_and_time():
    megabytes, time = measure_apart("ResNet-18", TINY.step_side, "with")
    weights = 33.2 * 4
    assert weights < megabytes < 3 * weights
    assert 0 < time < 60
