"""Work on many images: in several threads, in order, with progress shown."""

import logging
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from rich.console import Console
from rich.progress import track

LOG = logging.getLogger("lightbox")
AHEAD = 4
"""Images a thread that may be done and not yet taken: this bounds the memory."""
MOST_OF_VOLUMES = 8
LINES = 10
SECONDS_A_LINE = 1.0
"""Where no bar can be shown: so many lines a dataset, but none for one that is done at once."""

Item = TypeVar("Item")
Result = TypeVar("Result")


def few_threads() -> int:
    """For work on whole volumes, each of which takes gigabytes: at most eight."""
    return min(MOST_OF_VOLUMES, len(os.sched_getaffinity(0)))


def map_in_order(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    threads: int | None = None,
    ahead: int = AHEAD,
) -> Generator[Result, None, None]:
    """Results in the order of the items, only so many ahead of who takes them.

    Args:
        function: Called from several threads.
        items: What it is called with.
        threads: How many; None: one a core that this process may use.
        ahead: Results a thread that may wait for who takes them.
    """
    threads = threads or len(os.sched_getaffinity(0))
    waiting: deque[Future[Result]] = deque()
    executor = ThreadPoolExecutor(threads, thread_name_prefix="images")
    try:
        for item in items:
            waiting.append(executor.submit(function, item))
            if len(waiting) >= ahead * threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        executor.shutdown(cancel_futures=True)


def shown(
    results: Iterator[Result],
    title: str,
    count: int,
    *,
    progress: bool = True,
    what: str = "images",
) -> Iterator[Result]:
    """Pass results on under a progress bar; a line every 10 % when stderr is no terminal."""
    if progress and not sys.stderr.isatty():
        yield from _logged(results, title, count, what)
        return
    console = Console(stderr=True)
    yield from track(results, title, count, console=console, disable=not progress)


def _logged(results: Iterator[Result], title: str, count: int, what: str) -> Iterator[Result]:
    said, when = 0, time.monotonic()
    for done, result in enumerate(results, start=1):
        yield result
        tenth = done * LINES // count
        if tenth > said and time.monotonic() - when >= SECONDS_A_LINE:
            LOG.info("%s: %d of %d %s", title, done, count, what)
            said, when = tenth, time.monotonic()
