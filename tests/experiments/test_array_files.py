import tracemalloc

import numpy as np

from experiments.array_files import write_features, write_map


def test_features_are_read_without_pickle(tmp_path):
    features = {"a.png": np.ones(3, np.float32), "sub/\N{GREEK SMALL LETTER BETA}.png": np.zeros(3)}
    write_features(tmp_path / "features.npz", features)
    with np.load(tmp_path / "features.npz", allow_pickle=False) as kept:
        assert kept["file"].tolist() == list(features)
        assert kept["features"].tolist() == [[1, 1, 1], [0, 0, 0]]
        assert kept["features"].dtype == np.float32


def test_no_files_have_no_features(tmp_path):
    write_features(tmp_path / "features.npz", {})
    with np.load(tmp_path / "features.npz", allow_pickle=False) as kept:
        assert kept["file"].shape == (0,)
        assert kept["features"].shape == (0, 0)


def test_map_is_read_without_pickle(tmp_path):
    values = np.arange(6, dtype=np.float32).reshape(2, 3)
    write_map(tmp_path / "deep" / "map.npy", values)
    assert np.array_equal(np.load(tmp_path / "deep" / "map.npy", allow_pickle=False), values)


def test_features_of_many_files_are_not_held_twice(tmp_path):
    features = {f"{name}.png": np.full(2048, name, np.float32) for name in range(3000)}
    tracemalloc.start()
    write_features(tmp_path / "features.npz", features)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < sum(row.nbytes for row in features.values()) / 4
    with np.load(tmp_path / "features.npz", allow_pickle=False) as kept:
        assert np.array_equal(kept["features"], np.stack(list(features.values())))
