"""The image cache: built once, whole or absent, and never stale."""

import io
import logging
import multiprocessing
import os
import pickle
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest
from fakes import xray_files as fakes

from datamodules import cache, cache_entries, cache_lock, image_cache, parallel
from datamodules.cache import (
    CacheItem,
    ImageCache,
    build_or_open,
    cache_root,
    entry_path,
    file_identity,
    list_entries,
    prune,
)
from datamodules.cache_lock import builder_lock
from datamodules.cases import Source
from datamodules.errors import ConfigError, DataError
from datamodules.transforms.xray_geometry import Geometry
from datamodules.transforms.xray_pixels import content_hash
from datamodules.transforms.xray_reading import read_xray

COUNT, SHAPE = 20, (6, 9)
Film = namedtuple("Film", ["image", "geometry", "content_hash"])
SLOW_BUILDER = """
import sys, time
from pathlib import Path
sys.path[:0] = sys.argv[1:3]
from test_cache import build, prepare
log = Path(sys.argv[4])
def slowly(item):
    log.open("a").write(item.case_id + "\\n")
    time.sleep(0.05)
    return prepare(item)
print(len(build(Path(sys.argv[3]), prepare=slowly, threads=1)))
"""


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LIGHTBOX_CACHE", str(tmp_path / "cache"))
    for index in range(COUNT):
        fakes.write_image(tmp_path / "films" / f"{index}.png", fakes.ramp(*SHAPE, seed=index))
    return tmp_path / "films"


def prepare(item: CacheItem) -> Film:
    film = read_xray(item.path, item.source.selector)
    return Film(film.pixels, Geometry.fit(SHAPE, 8, "pad"), content_hash(film.pixels))


def items(root: Path) -> list[CacheItem]:
    names = [f"{index}.png" for index in range(COUNT)]
    return [CacheItem(f"case-{name[:-4]}", Source(name), root / name) for name in names]


def build(root: Path, prepare=prepare, settings=None, **options) -> ImageCache:
    fingerprint = settings or {"size": 8}
    return build_or_open(items(root), prepare, fingerprint, SHAPE, dataset="films", **options)


def refuse(item: CacheItem) -> Film:
    raise AssertionError(f"{item} is prepared again")


def leftovers() -> list[str]:
    files = [path for path in cache_root().glob("*/*") if path.suffix != ".lock"]
    return [path.name for path in files]


def test_the_cache_holds_every_image_hash_and_geometry_in_order(root: Path) -> None:
    cache = build(root)
    films = [fakes.ramp(*SHAPE, seed=index) for index in range(COUNT)]
    np.testing.assert_array_equal(cache.images, films)
    assert [row.tobytes() for row in cache.hashes] == [content_hash(film) for film in films]
    assert Geometry.from_dict(cache.geometry(3)) == Geometry.fit(SHAPE, 8, "pad")
    assert (len(cache), cache.geometries.shape) == (COUNT, (COUNT, 11))


def test_an_image_that_is_read_is_the_one_of_the_map(root: Path) -> None:
    cache = build(root)
    for row in (0, 7, COUNT - 1):
        np.testing.assert_array_equal(cache.read(row), cache.images[row])
    cache.read(3)[:] = 0
    np.testing.assert_array_equal(cache.read(3), fakes.ramp(*SHAPE, seed=3))


def test_a_file_that_is_cut_short_while_in_use_is_an_error(root: Path) -> None:
    cache = build(root)
    cache.read(0)
    os.truncate(cache.path / "images.npy", (cache.path / "images.npy").stat().st_size - 1)
    with pytest.raises(DataError, match="cut short"):
        cache.read(COUNT - 1)


def test_the_images_are_a_read_only_map(root: Path) -> None:
    images = build(root).images
    assert isinstance(images, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        images[0, 0, 0] = 1


def test_a_finished_entry_is_opened_and_not_built_again(root: Path) -> None:
    build(root)
    np.testing.assert_array_equal(build(root, prepare=refuse).images[7], fakes.ramp(*SHAPE, seed=7))


def test_a_finished_entry_is_opened_without_a_lock(root: Path) -> None:
    first = build(root)
    with builder_lock(first.path.with_name(first.path.name + ".lock")):
        build(root, prepare=refuse)


def test_a_pickled_cache_is_only_its_path(root: Path) -> None:
    cache = build(root)
    assert cache.images.shape[0] == cache.hashes.shape[0] == COUNT
    content = pickle.dumps(cache)
    assert len(content) < 2000
    np.testing.assert_array_equal(pickle.loads(content).images, cache.images)


def test_duplicates_have_one_hash(root: Path) -> None:
    shutil.copy(root / "3.png", root / "12.png")
    hashes = build(root).hashes
    assert (hashes[3] == hashes[12]).all()
    assert len(np.unique(hashes, axis=0)) == COUNT - 1


# What an entry depends on.


def test_other_settings_are_another_entry(root: Path) -> None:
    paths = {build(root, settings={"size": size}).path for size in (8, 16)}
    assert len(paths) == 2


def test_a_changed_file_is_prepared_again(root: Path) -> None:
    build(root)
    fakes.write_image(root / "5.png", fakes.ramp(*SHAPE, seed=99))
    np.testing.assert_array_equal(build(root).images[5], fakes.ramp(*SHAPE, seed=99))


def test_a_touched_file_is_prepared_again(root: Path) -> None:
    first = build(root)
    os.utime(root / "5.png", ns=(1, 1))
    assert build(root).path != first.path


def test_another_version_of_a_library_is_another_entry(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = build(root)
    monkeypatch.setattr("PIL.__version__", "0.0")
    assert build(root).path != first.path


def test_another_decoder_is_another_entry(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = build(root)
    monkeypatch.setattr(cache, "version", lambda _: "0.0")
    assert build(root).path != first.path


@pytest.mark.parametrize(("name", "other"), [("a.png", False), ("a.tif", True), ("A.TIFF", True)])
def test_another_tiff_decoder_is_another_entry_of_tiffs_only(
    root: Path, monkeypatch: pytest.MonkeyPatch, name: str, other: bool
) -> None:
    (root / name).write_bytes(b"pixels")
    own = [*items(root), CacheItem("a", Source(name), root / name)]
    first, version = entry_path(own, {}, SHAPE), cache.version
    newer = {"tifffile": "0.0", "imagecodecs": "0.0"}
    monkeypatch.setattr(cache, "version", lambda package: newer.get(package) or version(package))
    assert (entry_path(own, {}, SHAPE) != first) == other


def test_a_dataset_that_was_moved_keeps_its_entry(root: Path, tmp_path: Path) -> None:
    build(root)
    moved = shutil.move(root, tmp_path / "elsewhere")
    build(Path(moved), prepare=refuse)


def test_file_identity_is_size_and_time(root: Path) -> None:
    stat = (root / "1.png").stat()
    assert file_identity(root, Source("1.png")) == (stat.st_size, stat.st_mtime_ns)
    with pytest.raises(DataError, match="leaves the root"):
        file_identity(root, Source("../cache"))


def test_identity_of_a_series_is_that_of_its_files_however_deep(root: Path) -> None:
    film = fakes.write_image(root / "study" / "series" / "a.png", fakes.ramp(*SHAPE))
    before = file_identity(root, Source("study"))
    assert file_identity(root, Source("study")) == before
    os.utime(film, ns=(0, 1))
    assert file_identity(root, Source("study")) != before


# Bad input.


def test_every_unreadable_file_is_named_and_nothing_is_kept(root: Path) -> None:
    fakes.truncate(root / "2.png", 20)
    (root / "11.png").write_text("not a film")
    with pytest.raises(DataError, match="2 of 20 images cannot be read") as error:
        build(root)
    assert len(error.value.problems) == 2
    assert error.value.problems[0].startswith("case 'case-2' (file 2.png): the PNG file is damaged")
    assert error.value.problems[1].startswith("case 'case-11' (file 11.png): it is not a PNG")
    assert leftovers() == []


def test_every_missing_file_is_named(root: Path) -> None:
    for index in (3, 4, 5):
        (root / f"{index}.png").unlink()
    with pytest.raises(DataError) as error:
        build(root)
    assert [line.split()[1] for line in error.value.problems] == [
        "'case-3'",
        "'case-4'",
        "'case-5'",
    ]
    assert error.value.problems[0].endswith("there is no such file")


def test_without_a_terminal_progress_is_logged_in_tenths(
    root: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(parallel, "SECONDS_A_LINE", 0)
    with caplog.at_level(logging.INFO, "lightbox"):
        build(root)
    lines = [f"Preparing films: {done} of 20 images" for done in range(2, 21, 2)]
    assert caplog.messages == lines


def test_no_items_are_an_error() -> None:
    with pytest.raises(DataError, match="no images"):
        build_or_open([], prepare, {}, SHAPE)


def test_a_fault_of_ours_leaves_nothing_behind(root: Path) -> None:
    with pytest.raises(AssertionError):
        build(root, prepare=refuse)
    with pytest.raises(ValueError, match="prepared uint8"):
        build(root, prepare=lambda item: prepare(item)._replace(image=np.zeros((2, 2), np.uint8)))
    assert leftovers() == []


def test_a_disk_without_space_is_refused_before_work(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(root)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1000))
    with pytest.raises(ConfigError, match=r"needs 0\.00 GB in .*LIGHTBOX_CACHE"):
        build(root, prepare=refuse)


def test_a_disk_that_fills_up_is_explained_and_nothing_is_kept(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image_cache.np, "save", lambda *_: os.write(full, bytes(10)))
    full = os.open("/dev/full", os.O_WRONLY)
    with pytest.raises(ConfigError, match="disk or a quota is full"):
        build(root)
    os.close(full)
    assert leftovers() == []


def test_a_cache_folder_that_cannot_be_made(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIGHTBOX_CACHE", str(root / "1.png"))
    with pytest.raises(ConfigError, match="cannot make the folder"):
        build(root)


# Damaged entries.


@pytest.mark.parametrize("name", ["images.npy", "hashes.npy", "geometries.npy", "entry.json"])
def test_a_truncated_entry_is_noticed_and_built_again(root: Path, name: str) -> None:
    path = build(root).path
    fakes.truncate(path / name, 10)
    np.testing.assert_array_equal(build(root).images[7], fakes.ramp(*SHAPE, seed=7))


@pytest.mark.parametrize("name", ["images.npy", "hashes.npy", "geometries.npy", "entry.json"])
def test_an_entry_that_misses_a_file_is_built_again(root: Path, name: str) -> None:
    path = build(root).path
    (path / name).unlink()
    assert build(root).hashes.shape == (COUNT, 16)


@pytest.mark.parametrize("name", ["hashes.npy", "geometries.npy", "entry.json"])
def test_a_flipped_bit_beside_the_images_is_noticed(root: Path, name: str) -> None:
    path = build(root).path
    fakes.flip_bit(path / name, (path / name).stat().st_size // 2)
    with pytest.raises(cache_entries.DamagedEntryError):
        ImageCache.open(path)


def test_the_description_tells_no_paths_and_no_cases(root: Path, tmp_path: Path) -> None:
    text = (build(root).path / "entry.json").read_text()
    assert '"dataset": "films"' in text
    assert str(tmp_path) not in text
    assert "case-" not in text


# Several builders.


def start_builder(root: Path, log: Path) -> subprocess.Popen[str]:
    here = Path(__file__).parent
    paths = [f"{here}:{here.parent}:{here.parent.parent}", str(here)]
    environment = {**os.environ, "PYTHONPATH": paths[0]}
    command = [sys.executable, "-c", SLOW_BUILDER, str(here.parent), str(here), str(root), str(log)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


def wait_for(condition, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


def test_two_processes_build_an_entry_once(root: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    builders = [start_builder(root, log) for _ in range(2)]
    outputs = [builder.communicate(timeout=60)[0] for builder in builders]
    assert outputs == [f"{COUNT}\n"] * 2
    assert sorted(log.read_text().split()) == sorted(item.case_id for item in items(root))


def test_threads_of_one_process_build_an_entry_once(root: Path) -> None:
    prepared: list[str] = []

    def noted(item: CacheItem) -> Film:
        prepared.append(item.case_id)
        return prepare(item)

    threads = [threading.Thread(target=build, args=(root, noted)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(prepared) == COUNT


def test_what_a_killed_builder_left_is_neither_read_nor_kept(root: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    builder = start_builder(root, log)
    wait_for(lambda: log.exists() and len(log.read_text().split()) > 5)
    builder.send_signal(signal.SIGKILL)
    builder.wait()
    builder.stdout.close()
    assert [name.endswith(".partial") for name in leftovers()] == [True]
    cache = build(root)
    assert leftovers() == [cache.path.name]
    np.testing.assert_array_equal(cache.images[19], fakes.ramp(*SHAPE, seed=19))


def test_the_lock_tells_its_holder(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "4711")
    path = build(root).path
    holder = path.with_name(path.name + ".lock").read_text()
    assert f"process {os.getpid()} job 4711" in holder


def try_lock(path: Path, results: multiprocessing.Queue) -> None:
    with builder_lock(path, wait=False) as held:
        results.put(held)


def test_a_held_lock_is_seen_by_threads_and_processes(tmp_path: Path) -> None:
    results: multiprocessing.Queue = multiprocessing.get_context("fork").Queue()
    lock = tmp_path / "a.lock"
    with builder_lock(lock) as held:
        assert held
        thread = threading.Thread(target=try_lock, args=(lock, results))
        thread.start()
        thread.join()
        assert results.get(timeout=5) is False
    try_lock(lock, results)
    assert results.get(timeout=5) is True


# Listing and removing.


def test_entries_are_listed(root: Path) -> None:
    path = build(root).path
    (entry,) = list_entries()
    assert (entry.path, entry.dataset, entry.dtype, entry.damaged) == (path, "films", "uint8", None)
    assert entry.shape == (COUNT, *SHAPE)
    assert entry.gigabytes * 1e9 == pytest.approx(COUNT * (6 * 9 + 16 + 8 * 11) + 3 * 128)
    assert entry.unused_days < 0.01


def test_prune_removes_what_was_not_used(root: Path) -> None:
    old, new = (build(root, settings={"size": size}).path for size in (8, 16))
    os.utime(old / "entry.json", (0, 0))
    assert [entry.path for entry in prune(keep_days=30)] == [old]
    assert leftovers() == [new.name]
    assert old.with_name(old.name + ".lock").exists()  # somebody may be waiting for it


def test_opening_an_entry_counts_as_use(root: Path) -> None:
    path = build(root).path
    os.utime(path / "entry.json", (0, 0))
    build(root)
    assert prune(keep_days=30) == []


def test_prune_touches_nothing_that_is_not_the_caches(root: Path) -> None:
    path = build(root).path
    others = [path.parent / "notes.lock", path.parent / "mine" / "a.txt", cache_root() / "x" / "y"]
    for other in others:
        other.parent.mkdir(exist_ok=True)
        other.write_text("keep")
    prune(keep_days=-1)
    assert not path.exists()
    assert all(other.exists() for other in others)


def test_prune_removes_what_dead_builders_left_and_spares_live_ones(root: Path) -> None:
    path = build(root).path
    dead = path.with_name(f"{path.name}.0123abcd.partial")
    dead.mkdir()
    with builder_lock(path.with_name(path.name + ".lock")):
        thread = threading.Thread(target=prune, args=(-1,))
        thread.start()
        thread.join()
        assert dead.exists()
        assert path.exists()
    prune(keep_days=30)
    assert not dead.exists()


def test_who_waits_says_for_what(tmp_path: Path) -> None:
    lock = tmp_path / "a.lock"
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    with builder_lock(lock):
        waiter = context.Process(target=wait_and_report, args=(lock, results))
        waiter.start()
        time.sleep(0.3)
    assert f"waiting for x.npz, made by {socket.gethostname()} process" in results.get(timeout=10)
    waiter.join()


def wait_and_report(path: Path, results: multiprocessing.Queue) -> None:
    cache_lock._one_thread = threading.Lock()  # the fork inherited it as it was held
    log = logging.getLogger("lightbox")
    log.setLevel(logging.INFO)
    log.addHandler(logging.StreamHandler(text := io.StringIO()))
    with builder_lock(path, what="x.npz"):
        results.put(text.getvalue())


def test_a_lock_removed_while_waiting_for_it_is_not_held(tmp_path: Path) -> None:
    """The waiter must come to hold the file that is there, not the one that it opened."""
    lock = tmp_path / "a.lock"
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    with builder_lock(lock):
        waiter = context.Process(target=hold_and_report, args=(lock, results))
        waiter.start()
        time.sleep(0.3)
        lock.unlink()
    assert results.get(timeout=10)
    waiter.join()


def hold_and_report(path: Path, results: multiprocessing.Queue) -> None:
    cache_lock._one_thread = threading.Lock()  # the fork inherited it as it was held
    with builder_lock(path):
        results.put(path.exists())
