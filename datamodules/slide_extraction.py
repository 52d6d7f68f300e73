"""From slides to features of their tiles: each slide once, whoever does it, finished ones kept."""

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from datamodules.configs.slides import SlideSettings
from datamodules.encoding_progress import EncodingProgress
from datamodules.errors import DataError
from datamodules.feature_store import FeatureStore, KnownSlide
from datamodules.slide_encoding import encode_slide
from datamodules.slide_features import SlideFeatures
from datamodules.slide_recipe import recipe_of
from datamodules.tile_encoder import TileEncoder
from datamodules.transforms.slide_own_masks import find_mask_file, find_own_mask
from datamodules.transforms.slide_reading import Slide, open_slide

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
    config: SlideSettings,
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
    work = _Extraction(config, encoder, len(slides))
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


def extract_one(slide: SlideFile, config: SlideSettings, encoder: TileEncoder) -> FoundSlide:
    """As :func:`extract`, of one slide.

    Raises:
        DataError: If it cannot be used; the message is the reason only.
    """
    found = _Extraction(config, encoder, 1).look(slide, wait=True)
    assert found is not None
    return found


class _Extraction:
    """What is done, what is wrong, and how fast it goes."""

    def __init__(self, config: SlideSettings, encoder: TileEncoder, count: int) -> None:
        self.store = FeatureStore(recipe_of(config, encoder))
        self.store.make()
        self.config, self.encoder = config, encoder
        self.found: dict[int, FoundSlide] = {}
        self.faults: dict[int, str] = {}
        self.progress = EncodingProgress(count)

    def attempt(self, number: int, slide: SlideFile, *, wait: bool = False) -> bool:
        """Find or compute the features of a slide; False: another process is at it."""
        try:
            if (found := self.look(slide, wait=wait)) is None:
                return False
            self.found[number] = found
        except DataError as error:
            self.faults[number] = f"slide '{slide.name}': {error}"
        self.progress.finished(len(self.found) + len(self.faults))
        return True

    def look(self, slide: SlideFile, *, wait: bool) -> FoundSlide | None:
        """As :meth:`attempt`, of a slide by itself.

        Raises:
            DataError: If the slide cannot be used; the message is the reason only.
        """
        if (known := self._known(slide)) is None:
            with open_slide(slide.path, self.config.assumed_um_per_pixel) as opened:
                key = _key(opened, self.config.masks)
                if not self._made(opened, key, wait=wait):
                    return None
                known = KnownSlide(key, opened.content)
            self.store.remember(self._identity(slide), known)
        return FoundSlide(slide.name, known.content, known.key, self.store.file(known.key))

    def _known(self, slide: SlideFile) -> KnownSlide | None:
        """What is known of a file that has not changed, and whose features are there."""
        known = self.store.known.get(self._identity(slide))
        return known if known is not None and self.store.find(known.key) is not None else None

    def _identity(self, slide: SlideFile) -> str:
        """What stands for the content of a slide's file and of its own mask, unread."""
        mask = self.config.masks and find_mask_file(self.config.masks, slide.path.stem)
        parts = [file_stamp(path) for path in (slide.path, mask) if path]
        return f"{parts} {self.config.assumed_um_per_pixel}"

    def _made(self, slide: Slide, key: bytes, *, wait: bool) -> bool:
        """Look for the features, else compute them; False: another process is at it."""
        if self.store.find(key) is not None:
            return True
        with self.store.lock(key, wait=wait) as held:
            if not held:
                return False
            if self.store.find(key) is None:  # nobody did it while we waited for the lock
                self.store.clear_unfinished(key)
                start = time.monotonic()
                computed = encode_slide(slide, self.config, self.encoder, self.progress.tiles)
                self.store.keep(key, computed, time.monotonic() - start)
        return True


def file_stamp(path: Path) -> str:
    """Place, size and time of change of a file; those of a folder's files."""
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    stats = [file.stat() for file in files if file.exists()]
    sizes = [(stat.st_size, stat.st_mtime_ns) for stat in stats]
    return hashlib.sha256(f"{path.resolve()} {sizes}".encode(errors="surrogateescape")).hexdigest()
