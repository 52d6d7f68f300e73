"""How far the encoding of slides is, said now and then."""

import logging
import time

LOG = logging.getLogger("lightbox")
SECONDS_A_LINE = 15.0


class EncodingProgress:
    """Says now and then how far it is: slides, tiles per second, and the time that is left."""

    def __init__(self, slides: int) -> None:
        self.slides, self.done, self.tiles_done = slides, 0, 0
        self.start = self.said = time.monotonic()

    def tiles(self, count: int) -> None:
        """So many more tiles are encoded."""
        self.tiles_done += count
        self._say()

    def finished(self, slides: int) -> None:
        """So many slides are done."""
        self.done = slides
        if slides == self.slides and self.tiles_done:
            self._say(last=True)

    def _say(self, *, last: bool = False) -> None:
        now = time.monotonic()
        if not last and now - self.said < SECONDS_A_LINE:
            return
        self.said, took = now, now - self.start
        rate = self.tiles_done / max(took, 1e-9)
        left = f", about {_minutes(took / self.done * (self.slides - self.done))} left"
        LOG.info(
            "encoding tiles: %d of %d slides, %.0f tiles/s%s",
            self.done,
            self.slides,
            rate,
            left if self.done and not last else "",
        )


def _minutes(seconds: float) -> str:
    minutes = seconds / 60
    return f"{seconds:.0f} s" if minutes < 2 else f"{minutes:.0f} min"
