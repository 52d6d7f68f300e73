import time

from experiments.benchmarks.timing import interleaved, seconds


def test_programs_are_measured_in_turn_and_the_first_round_is_dropped():
    calls = []

    def program(name):
        calls.append(name)
        return float(len(calls))

    found = interleaved({name: lambda name=name: program(name) for name in "ab"}, rounds=2)
    assert calls == ["a", "b", "a", "b", "a", "b"]
    assert found == {"a": (3.0, 5.0), "b": (4.0, 6.0)}


def test_seconds_are_the_mean_over_all_times():
    calls = []
    found = seconds(lambda: (calls.append(1), time.sleep(0.02)), times=5)
    assert len(calls) == 5
    assert 0.02 <= found < 0.1
