"""Where features of slides are kept: a file for each slide and recipe, made once for all."""

import hashlib
import json
import os
import re
import shutil
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from datamodules.cache_entries import LOCK_SUFFIX, SECONDS_A_DAY, CacheEntry, cache_root, discard
from datamodules.cache_lock import builder_lock
from datamodules.errors import ConfigError, DataError
from datamodules.slide_features import ENDING, SlideFeatures
from datamodules.whole_files import TEMPORARY, append_lines, in_place_of, write_whole

FOLDER = "slide-features"
MANIFEST, RECIPE, KNOWN = "manifest.jsonl", "recipe.json", "known.jsonl"
NAME_DIGITS = 12
CONTENT_DIGITS = 16


class KnownSlide(NamedTuple):
    """What a slide's file is known to be.

    Attributes:
        key: Of its features.
        content: 16 bytes that identify what it shows.
    """

    key: bytes
    content: bytes


class FeatureStore:
    """The files of one recipe.

    Args:
        recipe: All that the features of a slide depend on, but for the slide: plain values.

    Attributes:
        path: Their folder, under the root of the cache.
    """

    def __init__(self, recipe: Mapping[str, Any]) -> None:
        self.recipe = dict(recipe)
        text = json.dumps(self.recipe, sort_keys=True)
        encoder = re.sub(r"[^\w.-]+", "_", str(recipe["encoder"])).strip("._")
        digest = hashlib.sha256(text.encode()).hexdigest()[:NAME_DIGITS]
        self.path = cache_root() / FOLDER / f"{encoder}-{digest}"

    def make(self) -> None:
        """Make the folder, and write down what its files were made by."""
        self.path.mkdir(parents=True, exist_ok=True)
        if not (self.path / RECIPE).exists():
            write_whole(self.path / RECIPE, json.dumps(self.recipe, indent=1) + "\n")

    def file(self, content: bytes) -> Path:
        """Where the features of a slide lie, or would."""
        return self.path / f"{content.hex()[:CONTENT_DIGITS]}{ENDING}"

    def find(self, content: bytes) -> SlideFeatures | None:
        """The features of a slide; None where there are none, or none that are whole."""
        path = self.file(content)
        try:
            if not path.exists():
                return None
            with suppress(OSError):  # its time is when it was last used
                os.utime(path)
            return SlideFeatures.open(path)
        except DataError:
            path.unlink(missing_ok=True)
            return None

    @cached_property
    def known(self) -> dict[str, KnownSlide]:
        """Slides by what stands for their files: a start does not open ten thousand of them."""
        found: dict[str, KnownSlide] = {}
        with suppress(OSError):
            for line in (self.path / KNOWN).read_text().splitlines():
                with suppress(ValueError, KeyError):
                    entry = json.loads(line)
                    own = (bytes.fromhex(entry[name]) for name in KnownSlide._fields)
                    found[entry["file"]] = KnownSlide(*own)
        return found

    def remember(self, file: str, slide: KnownSlide) -> None:
        """Keep what a slide's file is; ``file`` stands for it as it is now."""
        self.known[file] = slide
        line = {"file": file, "key": slide.key.hex(), "content": slide.content.hex()}
        append_lines(self.path / KNOWN, json.dumps(line) + "\n")

    def lock(self, content: bytes, *, wait: bool) -> AbstractContextManager[bool]:
        """Keep others from computing the same; see :func:`builder_lock`."""
        path = self.file(content)
        what = "features of a slide"
        return builder_lock(path.with_name(path.name + LOCK_SUFFIX), wait=wait, what=what)

    def clear_unfinished(self, content: bytes) -> None:
        """Remove what killed processes left of a slide; for whoever holds its lock."""
        for left in self.path.glob(f".{self.file(content).name}.*{TEMPORARY}"):
            left.unlink(missing_ok=True)

    def keep(self, content: bytes, features: SlideFeatures, seconds: float) -> None:
        """Write the file of a slide, whole or not at all, and a line of the manifest."""
        file = self.file(content)
        features.write(file)
        line = {
            "file": file.name,
            "tiles": len(features.features),
            "seconds": round(seconds, 2),
        }
        append_lines(self.path / MANIFEST, json.dumps(line) + "\n")


def list_features() -> list[CacheEntry]:
    """What is kept of each recipe, that used last first."""
    folders = [path for path in (cache_root() / FOLDER).glob("*") if path.is_dir()]
    found = [entry for path in folders if (entry := _describe(path)) is not None]
    return sorted(found, key=lambda entry: entry.unused_days)


def prune_features(keep_days: float) -> list[CacheEntry]:
    """Remove the features of recipes that are unused for longer, and that nobody is computing.

    Returns:
        What was removed.
    """
    removed = []
    for entry in list_features():
        if entry.unused_days <= keep_days:
            continue
        if all(_is_free(lock) for lock in entry.path.glob(f"*{LOCK_SUFFIX}")):
            discard(entry.path)
            removed.append(entry)
    return removed


def copy_features(files: Sequence[Path], root: Path) -> Path:
    """Copy feature files to another cache, each whole or not at all, unless they are there.

    Args:
        files: Of one recipe.
        root: Folder of the other cache.

    Returns:
        Their folder there.

    Raises:
        ConfigError: If it cannot be written.
    """
    folder = root.expanduser().absolute() / FOLDER / files[0].parent.name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file in (files[0].parent / RECIPE, *files):
            there = folder / file.name
            if not there.exists() or there.stat().st_size != file.stat().st_size:
                with in_place_of(there) as temporary:
                    shutil.copyfile(file, temporary)
    except OSError as error:
        raise ConfigError(f"cannot copy the features of slides to {root}: {error}") from error
    return folder


def _is_free(lock: Path) -> bool:
    with builder_lock(lock, wait=False) as held:
        return held


def _describe(path: Path) -> CacheEntry | None:
    files = list(path.glob(f"*{ENDING}"))
    if not files:
        return None
    stats = [file.stat() for file in files]
    try:
        shape = (len(files), SlideFeatures.open(files[0]).features.shape[1])
    except DataError as error:
        return CacheEntry(path, FOLDER, damaged=str(error))
    used = max(stat.st_mtime for stat in stats)
    made = time.gmtime(min(stat.st_mtime for stat in stats))
    return CacheEntry(
        path,
        dataset=FOLDER,
        shape=shape,
        dtype="float16",
        gigabytes=sum(stat.st_size for stat in stats) / 1e9,
        created=time.strftime("%Y-%m-%dT%H:%M:%SZ", made),
        unused_days=(time.time() - used) / SECONDS_A_DAY,
    )
