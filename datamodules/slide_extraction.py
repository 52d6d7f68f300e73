"""From slides to features of their tiles: each slide once, whoever does it, finished ones kept."""

import hashlib
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datamodules.configs.slides import SlidesConfig
from datamodules.errors import DataError
from datamodules.feature_store import FeatureStore, KnownSlide
from datamodules.parallel import map_in_order
from datamodules.slide_features import SlideFeatures
from datamodules.slide_recipe import recipe_of
from datamodules.tile_encoder import TileEncoder
from datamodules.transforms.slide_own_masks import find_mask_file, find_own_mask
from datamodules.transforms.slide_reading import Slide, open_slide
from datamodules.transforms.slide_tiles import TileReader, tile_grid
from datamodules.transforms.slide_tissue import find_tissue

LOG = logging.getLogger("lightbox")
TILES_A_JOB = 16
"""Tiles that a thread reads at a time."""
SECONDS_A_LINE = 15.0
WHITE = 255
KEY_BYTES = 16


@dataclass(frozen=True)
class SlideFile:
    """A slide to look at.

    Attributes:
        name: For a person: of the case, or the file.
        path: Where it lies.
    """

    name: str
    path: Path


@dataclass(frozen=True)
class FoundSlide:
    """A slide whose features are there.

    Attributes:
        name: See :class:`SlideFile`.
        content: 16 bytes that identify what it shows.
        key: Of its features in the store: they depend on its own mask, too.
        path: Of the file with its features.
    """

    name: str
    content: bytes
    key: bytes
    path: Path

    @cached_property
    def features(self) -> SlideFeatures:
        """Of its tiles; opened here, as thousands of files cannot be open at once."""
        return SlideFeatures.open(self.path)


def _key(slide: Slide, masks: str | None) -> bytes:
    """What the features of a slide are kept by: its content, and that of its own mask if any."""
    mask = find_own_mask(masks, slide)
    if mask is None:
        return slide.content
    return hashlib.sha256(slide.content + mask.read_bytes()).digest()[:KEY_BYTES]


def extract(
    slides: Sequence[SlideFile],
    config: SlidesConfig,
    encoder: TileEncoder,
    *,
    first: int = 0,
) -> list[FoundSlide]:
    """Features of all slides, computed where they are not there yet.

    Several processes may do it together: a slide that another one is at is left to it, and looked
    for again at the end.

    Args:
        slides: In any order.
        config: How they are cut into tiles.
        encoder: What looks at the tiles.
        first: Where to begin, so that processes begin at different places.

    Returns:
        One a slide, in their order.

    Raises:
        DataError: If slides cannot be used; names each. The features of all others are kept.
    """
    store = FeatureStore(recipe_of(config, encoder))
    store.make()
    work = _Extraction(store, config, encoder, len(slides))
    begin = first % max(len(slides), 1)
    order = [*range(begin, len(slides)), *range(begin)]
    postponed = [number for number in order if not work.attempt(number, slides[number])]
    for number in postponed:
        work.attempt(number, slides[number], wait=True)
    if work.faults:
        faults = [work.faults[number] for number in sorted(work.faults)]
        done = len(slides) - len(faults)
        raise DataError(
            f"{len(faults)} of {len(slides)} slides cannot be used; the features of the other"
            f" {done} are kept. Mend or fetch them again, or remove their rows",
            faults,
        )
    return [work.found[number] for number in range(len(slides))]


class _Extraction:
    """What is done, what is wrong, and how fast it goes."""

    def __init__(
        self, store: FeatureStore, config: SlidesConfig, encoder: TileEncoder, count: int
    ) -> None:
        self.store, self.config, self.encoder, self.count = store, config, encoder, count
        self.found: dict[int, FoundSlide] = {}
        self.faults: dict[int, str] = {}
        self.progress = _Progress(count)

    def attempt(self, number: int, slide: SlideFile, *, wait: bool = False) -> bool:
        """Find or compute the features of a slide; False: another process is at it."""
        try:
            if (known := self._known(slide)) is None:
                with open_slide(slide.path, self.config.assumed_um_per_pixel) as opened:
                    key = _key(opened, self.config.masks)
                    if not self._made(opened, slide, key, wait=wait):
                        return False
                    known = KnownSlide(key, opened.content)
                self.store.remember(self._identity(slide), known)
            path = self.store.file(known.key)
            self.found[number] = FoundSlide(slide.name, known.content, known.key, path)
        except DataError as error:
            self.faults[number] = f"slide '{slide.name}': {error}"
        self.progress.finished(len(self.found) + len(self.faults))
        return True

    def _known(self, slide: SlideFile) -> KnownSlide | None:
        """What is known of a file that has not changed, and whose features are there."""
        known = self.store.known.get(self._identity(slide))
        return known if known is not None and self.store.find(known.key) is not None else None

    def _identity(self, slide: SlideFile) -> str:
        """What stands for the content of a slide's file and of its own mask, unread."""
        mask = self.config.masks and find_mask_file(self.config.masks, slide.path.stem)
        parts = [file_stamp(path) for path in (slide.path, mask) if path]
        return f"{parts} {self.config.assumed_um_per_pixel}"

    def _made(self, slide: Slide, named: SlideFile, key: bytes, *, wait: bool) -> bool:
        """Look for the features, else compute them; False: another process is at it."""
        if self.store.find(key) is not None:
            return True
        with self.store.lock(key, wait=wait) as held:
            if not held:
                return False
            if self.store.find(key) is None:  # nobody did it while we waited for the lock
                self.store.clear_unfinished(key)
                start = time.monotonic()
                computed = encode_slide(
                    slide, named, self.config, self.encoder, self.progress.tiles
                )
                self.store.keep(key, computed, time.monotonic() - start)
        return True


def file_stamp(path: Path) -> str:
    """Place, size and time of change of a file; those of a folder's files."""
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    stats = [file.stat() for file in files if file.exists()]
    sizes = [(stat.st_size, stat.st_mtime_ns) for stat in stats]
    return hashlib.sha256(f"{path.resolve()} {sizes}".encode(errors="surrogateescape")).hexdigest()


def encode_slide(
    slide: Slide,
    named: SlideFile,
    config: SlidesConfig,
    encoder: TileEncoder,
    done: Callable[[int], None] = lambda _: None,
) -> SlideFeatures:
    """Features of the tiles of a slide.

    Args:
        slide: Open.
        named: Whose masks are looked for by its file's name.
        config: How it is cut into tiles.
        encoder: What looks at the tiles.
        done: Told how many tiles were encoded since the last time.

    Raises:
        DataError: If there is no tissue, or the file is damaged.
    """
    tissue = find_tissue(slide, config.tissue, named.path.stem, config.masks)
    grid = tile_grid(slide, tissue, config.tiles)
    reader = TileReader(slide, grid)
    parts, colours = [], _Colours()
    for tiles in tile_batches(reader, len(grid.corners), config):
        parts.append(encoder.encode(tiles))
        colours.add(tiles)
        done(len(tiles))
    width, height = slide.size
    facts = {
        "width": width,
        "height": height,
        "um_per_pixel": slide.um_per_pixel,
        "tile_side": grid.side,
        "tile_size": grid.size,
        "level": grid.level,
        "tissue_share": tissue.share,
        "content": slide.content.hex(),
        **colours.facts(),
    }
    features = np.concatenate(parts)
    if not np.isfinite(features).all():
        raise DataError("the encoder gives features that are no numbers, or too large for 16 bits")
    return SlideFeatures(
        features, grid.corners.astype(np.int32), grid.tissue, facts, recipe_of(config, encoder)
    )


def tile_batches(
    reader: TileReader, count: int, config: SlidesConfig
) -> Iterator[NDArray[np.uint8]]:
    """All tiles in batches; threads read ahead of who encodes them."""
    size = config.bags.tiles_at_once if config.bags.kind == "features" else TILES_A_JOB
    jobs = [range(start, min(start + TILES_A_JOB, count)) for start in range(0, count, TILES_A_JOB)]
    waiting: list[NDArray[np.uint8]] = []
    held = 0
    for part in map_in_order(reader.read_many, jobs):
        waiting.append(part)
        held += len(part)
        while held >= size:
            joined = np.concatenate(waiting)
            yield joined[:size]
            waiting, held = [joined[size:]], held - size
    if held:
        yield np.concatenate(waiting)


class _Colours:
    """Mean and spread of the colours of tiles, in 0..1, over all of their pixels."""

    def __init__(self) -> None:
        self.pixels, self.total, self.squares = 0, np.zeros(3), np.zeros(3)

    def add(self, tiles: NDArray[np.uint8]) -> None:
        """Count tiles ``(n, side, side, 3)`` in; every fourth pixel along each axis will do."""
        some = tiles[:, ::4, ::4].reshape(-1, 3).astype(np.float64) / WHITE
        self.pixels += len(some)
        self.total += some.sum(0)
        self.squares += (some**2).sum(0)

    def facts(self) -> dict[str, Any]:
        """As plain values."""
        mean = self.total / self.pixels
        spread = np.sqrt(np.maximum(self.squares / self.pixels - mean**2, 0))
        return {"mean_rgb": mean.round(4).tolist(), "spread_rgb": spread.round(4).tolist()}


class _Progress:
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
