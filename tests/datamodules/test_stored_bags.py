import pickle

import numpy as np
import pytest

from datamodules.bag_dataset import BagDataset
from datamodules.errors import DataError
from datamodules.samplers import Draw
from datamodules.slide_features import SlideFeatures
from datamodules.stored_bags import StoredBags, feature_scale


def bags(folder, tiles=((4,), (3, 2), (9,)), width=3):
    files, number = [], 0
    for case in tiles:
        own = []
        for count in case:
            rows = np.random.default_rng(number).normal(size=(count, width)).astype(np.float16)
            path = folder / f"{number}.safetensors"
            SlideFeatures(
                rows,
                np.zeros((count, 2), np.int32),
                np.ones(count, np.float32),
                {"tile_side": 1.0},
                {},
            ).write(path)
            own.append(path)
            number += 1
        files.append(own)
    return StoredBags(files, [[b""] * len(own) for own in files])


def batch(bags, draws, most=None):
    targets = np.zeros((len(bags), 1), np.float32)
    table = np.zeros((len(bags), 0), np.float32)
    return BagDataset(bags, targets, table, 0, most).__getitems__(draws)


def test_the_slides_of_a_case_are_one_bag(tmp_path):
    found = bags(tmp_path)
    assert found.lengths.tolist() == [4, 5, 9]
    parts = [slide.features for slide in found.slides(1)]
    np.testing.assert_array_equal(found.rows(1), np.concatenate(parts).astype(np.float32))


def test_chosen_tiles_are_those_of_the_whole_bag(tmp_path):
    found, chosen = bags(tmp_path), np.array([0, 2, 4])
    np.testing.assert_array_equal(found.rows(1, chosen), found.rows(1)[chosen])


def test_scale_is_that_of_all_tiles_together(tmp_path):
    found = bags(tmp_path)
    rows = np.concatenate([found.rows(0), found.rows(2)]).astype(np.float64)
    mean, deviation = feature_scale(found, [0, 2])
    np.testing.assert_allclose(mean, rows.mean(0))
    np.testing.assert_allclose(deviation, rows.std(0))


def test_slides_of_different_encoders_are_refused(tmp_path):
    found = bags(tmp_path)
    (tmp_path / "other").mkdir()
    other = bags(tmp_path / "other", width=2)
    mixed = StoredBags(found.files + other.files, found.contents + other.contents)
    with pytest.raises(DataError, match=r"2 \(0.safetensors\), 3"):
        mixed.width  # noqa: B018


def test_a_worker_gets_paths_and_no_features(tmp_path):
    found = bags(tmp_path, tiles=((10_000,),))
    found.rows(0)
    assert len(pickle.dumps(found)) < 1000


def test_evaluation_sees_all_tiles_in_their_order(tmp_path):
    found = bags(tmp_path)
    seen = batch(found, [Draw(2), Draw(0)])
    assert seen["case_of"].tolist() == [0] * 9 + [1] * 4
    np.testing.assert_array_equal(seen["image"][:9], found.rows(2))
    np.testing.assert_array_equal(seen["image"][9:], found.rows(0))


def test_training_sees_some_tiles_drawn_by_epoch_and_draw(tmp_path):
    found = bags(tmp_path, tiles=((400,), (5,)))
    first, again, later = (
        batch(found, [Draw(0, epoch, 7), Draw(1, epoch, 8)], most=50) for epoch in (1, 1, 2)
    )
    assert first["case_of"].bincount().tolist() == [50, 5]
    np.testing.assert_array_equal(first["image"], again["image"])
    assert (first["image"][:50] != later["image"][:50]).any()
    rows = {tuple(row) for row in first["image"][:50].tolist()}
    assert len(rows) == 50
    assert rows <= {tuple(row) for row in found.rows(0).tolist()}
