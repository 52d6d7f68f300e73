from dataclasses import replace

from fakes.benchmark_sizes import TINY

from experiments.benchmarks.sliding_window import compare


def test_time_and_memory_have_their_goals(tmp_path):
    time, memory = compare(replace(TINY, volume=(32, 40, 32)), tmp_path)
    assert (time.goal, time.measure) == (1.10, "times as long")
    assert (memory.goal, memory.unit, memory.measure) == (8, "GiB", "alone")
    assert 0.2 < memory.value < 4
