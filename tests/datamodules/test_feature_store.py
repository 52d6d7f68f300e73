import os
import time

import numpy as np
import pytest

from datamodules.feature_store import FeatureStore, copy_features, list_features, prune_features
from datamodules.slide_features import SlideFeatures

CONTENT = b"0123456789abcdef"


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("LIGHTBOX_CACHE", str(tmp_path / "cache"))


def features(tiles=3):
    return SlideFeatures(
        np.ones((tiles, 4), np.float16),
        np.zeros((tiles, 2), np.int32),
        np.ones(tiles, np.float32),
        {"tile_side": 256.0},
        {"encoder": "a"},
    )


def filled(recipe=None):
    store = FeatureStore(recipe or {"encoder": "hf-hub:some/encoder"})
    store.make()
    store.keep(CONTENT, features(), 1.0)
    return store


def test_what_is_kept_is_found():
    np.testing.assert_array_equal(filled().find(CONTENT).features, features().features)
    assert filled().find(b"another content!") is None


def test_each_recipe_has_a_folder_of_its_own():
    one, other = (FeatureStore({"encoder": "a", "size": size}) for size in (256, 512))
    assert one.path != other.path
    assert one.path.name.startswith("a-")


def test_a_damaged_file_is_made_again():
    store = filled()
    store.file(CONTENT).write_bytes(store.file(CONTENT).read_bytes()[:-1])
    assert store.find(CONTENT) is None
    assert not store.file(CONTENT).exists()


def test_what_a_kill_left_is_removed_by_who_holds_the_lock():
    store = filled()
    left = store.path / f".{store.file(CONTENT).name}.99999-abc.writing"
    left.touch()
    store.keep(CONTENT, features(), 1.0)
    assert left.exists()  # it may be another process that writes
    store.clear_unfinished(CONTENT)
    assert not left.exists()
    assert store.find(CONTENT) is not None


def test_a_file_that_cannot_be_opened_just_now_is_kept(monkeypatch):
    store = filled()
    monkeypatch.setattr(np, "memmap", too_many_open)
    with pytest.raises(OSError, match="Too many open files"):
        store.find(CONTENT)
    assert store.file(CONTENT).exists()


def too_many_open(*_, **__):
    raise OSError(24, "Too many open files")


def test_recipes_are_listed_and_those_unused_are_removed():
    old, new = filled({"encoder": "old"}), filled({"encoder": "new"})
    week_ago = time.time() - 7 * 86400
    os.utime(old.file(CONTENT), (week_ago, week_ago))
    listed = {entry.path.name.split("-")[0]: entry for entry in list_features()}
    assert listed["new"].shape == (1, 4)
    assert listed["old"].unused_days == pytest.approx(7, abs=0.1)
    assert [entry.path for entry in prune_features(5)] == [old.path]
    assert new.find(CONTENT) is not None


def test_a_copy_is_found_by_a_run_with_that_cache(tmp_path, monkeypatch):
    store = filled()
    copy_features([store.file(CONTENT)], tmp_path / "node")
    monkeypatch.setenv("LIGHTBOX_CACHE", str(tmp_path / "node"))
    assert FeatureStore(store.recipe).find(CONTENT) is not None
