"""Timing programs in turn, so that whatever slows the machine meets all of them alike."""

import gc
import time
from collections.abc import Callable, Mapping

Program = Callable[[], float]
"""Does its work once, and returns what it measured: seconds, a rate, ..."""


def interleaved(programs: Mapping[str, Program], rounds: int) -> dict[str, tuple[float, ...]]:
    """Measure programs in turn: A B C A B C.

    One round before the first warms up caches, workers and code, and is dropped.

    Args:
        programs: Programs by name.
        rounds: How often each is measured.

    Returns:
        Measurements by name, one a round.
    """
    measured: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(1 + rounds):
        for name, program in programs.items():
            gc.collect()
            measured[name].append(program())
    return {name: tuple(values[1:]) for name, values in measured.items()}


def seconds(work: Callable[[], object], times: int = 1) -> float:
    """Wall time of one piece of work, the mean over so many times."""
    start = time.perf_counter()
    for _ in range(times):
        work()
    return (time.perf_counter() - start) / times
