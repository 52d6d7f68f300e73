import threading
import time

import pytest

from datamodules.parallel import AHEAD, map_in_order


def test_results_come_in_the_order_of_the_items():
    def slow_at_first(item):
        time.sleep(0.02 if item == 0 else 0)
        return item * item

    assert list(map_in_order(slow_at_first, range(20), threads=4)) == [n * n for n in range(20)]


def test_only_so_many_items_are_done_ahead_of_who_takes_them():
    done = []
    results = map_in_order(done.append, range(100), threads=2)
    next(results)
    time.sleep(0.05)
    assert len(done) <= AHEAD * 2


def test_an_exception_ends_the_work():
    def fail_at_three(item):
        if item == 3:
            raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        list(map_in_order(fail_at_three, range(100), threads=2))
    assert not [each for each in threading.enumerate() if each.name.startswith("images")]
