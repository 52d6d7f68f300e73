import pickle

import h5py
import numpy as np
import pytest
import torch
from fakes import bags, mil_mat
from safetensors.torch import save_file

from datamodules.errors import DataError
from datamodules.feature_formats import read_bag, tile_step
from datamodules.slide_features import SlideFeatures

FEATURES = bags.draw()


def fault(path, selector=None):
    with pytest.raises(DataError) as caught:
        read_bag(path, selector)
    return caught.value.message


def write_npz(path, **arrays):
    np.savez(path, **arrays)
    return path


def test_trident_says_where_tiles_lie_and_how_large_they_are(tmp_path):
    bag = read_bag(bags.write_trident(tmp_path / "a.h5", FEATURES, side=512))
    assert np.array_equal(bag.features, FEATURES)
    assert bag.coordinates.dtype == np.int64
    assert bag.coordinates[4].tolist() == [612, 612]
    assert bag.tile_side == 512


def test_a_leading_axis_is_dropped_and_16_bits_are_kept(tmp_path):
    bag = read_bag(bags.write_trident(tmp_path / "a.h5", FEATURES[None].astype(np.float16)))
    assert (bag.features.shape, bag.features.dtype) == ((6, 5), np.float16)


def test_the_side_of_clam_s_tiles_is_their_size_times_the_downsampling(tmp_path):
    bag = read_bag(bags.write_clam(tmp_path / "a.h5", FEATURES, side=1024))
    assert np.array_equal(bag.features, FEATURES)
    assert bag.tile_side == 1024


def test_a_tensor_of_clam_has_no_places(tmp_path):
    torch.save(torch.from_numpy(FEATURES), tmp_path / "a.pt")
    bag = read_bag(tmp_path / "a.pt")
    assert np.array_equal(bag.features, FEATURES)
    assert (bag.coordinates, bag.tile_side) == (None, None)


def test_a_tensor_of_an_old_torch_is_read(tmp_path):
    tensor = torch.from_numpy(FEATURES)
    torch.save(tensor, tmp_path / "a.pt", _use_new_zipfile_serialization=False)
    assert np.array_equal(read_bag(tmp_path / "a.pt").features, FEATURES)


def test_a_dict_of_tensors_may_have_places(tmp_path):
    content = {
        "feats": torch.from_numpy(FEATURES).to(torch.bfloat16),
        "coords": torch.from_numpy(bags.grid()),
        "patch_size_level0": 512,
    }
    torch.save(content, tmp_path / "a.pt")
    bag = read_bag(tmp_path / "a.pt")
    assert bag.features.dtype == np.float32
    assert np.allclose(bag.features, FEATURES, rtol=0.01)
    assert (bag.coordinates[1].tolist(), bag.tile_side) == ([612, 100], 512)


def test_safetensors_have_the_side_in_their_metadata(tmp_path):
    tensors = {
        "features": torch.from_numpy(FEATURES).half(),
        "coordinates": torch.from_numpy(bags.grid()),
    }
    save_file(tensors, tmp_path / "a.safetensors", metadata={"tile_side": "513.5"})
    bag = read_bag(tmp_path / "a.safetensors")
    assert np.array_equal(bag.features, FEATURES.astype(np.float16))
    assert (bag.coordinates.tolist(), bag.tile_side) == (bags.grid().tolist(), 513.5)


@pytest.mark.parametrize(("placed", "side"), [(True, 512.0), (False, None)])
def test_files_of_our_own_are_read_with_their_places_where_they_have_some(tmp_path, placed, side):
    slide = {"tile_side": side or 0.0, "placed": placed}
    tissue, places = np.ones(6, np.float32), bags.grid().astype(np.int32)
    SlideFeatures(FEATURES, places, tissue, slide, {}).write(tmp_path / "a.safetensors")
    bag = read_bag(tmp_path / "a.safetensors")
    assert np.array_equal(bag.features, FEATURES)
    assert (bag.coordinates is not None, bag.tile_side) == (placed, side)


def test_arrays_of_numpy_are_read(tmp_path):
    np.save(tmp_path / "a.npy", FEATURES.astype(np.float64))
    bag = read_bag(tmp_path / "a.npy")
    assert np.array_equal(bag.features, FEATURES)
    assert bag.features.flags.writeable  # else torch warns
    path = write_npz(tmp_path / "a.npz", features=FEATURES, coords=bags.grid(), tile_side=256)
    assert read_bag(path).tile_side == 256


def test_the_selector_names_another_array(tmp_path):
    path = write_npz(tmp_path / "a.npz", features=FEATURES, other=FEATURES + 1)
    assert np.array_equal(read_bag(path, "other").features, FEATURES + 1)
    assert fault(path, "third") == "the file has no 'third'; it has features, other"


def test_the_selector_names_a_bag_of_a_mat_file(tmp_path):
    path = mil_mat.write(tmp_path / "musk1.mat")
    assert read_bag(path, "NON-MUSK-2").features.tolist() == [[8, 9, 10, 11], [12, 13, 14, 15]]
    assert fault(path, "MUSK-9") == "the file has no bag 'MUSK-9'; it has 3 others"


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (np.zeros((0, 5)), "there are no features in it"),
        (np.zeros((5, 0)), "there are no features in it"),
        (np.zeros(768), "one vector of 768, as of a whole slide"),
        (np.zeros((2, 3, 4)), "not (tiles, features)"),
        (np.array(["a"]), "not an array of numbers"),
        (np.full((2, 2), 1e300), "NaN or infinite in 2 tiles, such as tile 0"),
    ],
)
def test_what_is_no_bag_of_features_is_refused(tmp_path, features, message):
    assert message in fault(write_npz(tmp_path / "a.npz", features=features))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_number_that_is_not_finite_is_refused_with_its_tile(tmp_path, value):
    features = FEATURES.copy()
    features[4, 2] = value
    np.save(tmp_path / "a.npy", features)
    assert fault(tmp_path / "a.npy") == "'features' is NaN or infinite in 1 tiles, such as tile 4"


def test_large_numbers_of_16_bits_are_finite(tmp_path):
    np.save(tmp_path / "a.npy", np.full((100, 100), 65504, np.float16))
    assert read_bag(tmp_path / "a.npy").features.dtype == np.float16


def test_places_of_other_tiles_are_refused(tmp_path):
    path = write_npz(tmp_path / "a.npz", features=FEATURES, coords=bags.grid(5))
    assert fault(path) == "'coords' has the shape (5, 2); 6 tiles need (6, 2)"


def test_a_side_that_is_no_size_is_refused(tmp_path):
    path = write_npz(tmp_path / "a.npz", features=FEATURES, coords=bags.grid(), tile_side=-1)
    assert fault(path) == "'tile_side' is -1, no size of a tile"


def test_a_file_without_features_says_what_it_has(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["coords"] = bags.grid()
    assert fault(tmp_path / "a.h5") == "the file has no 'features'; it has coords"


@pytest.mark.parametrize("name", ["a.npy", "a.npz", "a.pt"])
def test_nothing_is_unpickled(tmp_path, name):
    class Bomb:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    if name == "a.pt":
        torch.save(Bomb(), tmp_path / name)
    else:
        array = np.array([Bomb()], dtype=object)
        np.save(tmp_path / name, array) if name == "a.npy" else np.savez(
            tmp_path / name, features=array
        )
    assert fault(tmp_path / name)
    assert not (tmp_path / "ran").exists()


def test_a_plain_pickle_is_refused(tmp_path):
    (tmp_path / "a.pt").write_bytes(pickle.dumps(FEATURES, protocol=2))
    assert "could run code" in fault(tmp_path / "a.pt")


@pytest.mark.parametrize("name", ["a.h5", "a.pt", "a.npy", "a.npz", "a.safetensors", "a.mat"])
@pytest.mark.parametrize("share", [0, 0.3, 0.9])
def test_a_truncated_file_is_refused(tmp_path, name, share):
    path, features = tmp_path / name, bags.draw(300, 64)
    tensor = torch.from_numpy(features)
    {
        "a.h5": lambda: bags.write_trident(path, features),
        "a.pt": lambda: torch.save(tensor, path),
        "a.npy": lambda: np.save(path, features),
        "a.npz": lambda: np.savez(path, features=features),
        "a.safetensors": lambda: save_file({"features": tensor}, path),
        "a.mat": lambda: mil_mat.write(path, ["bag"] * 900, [1] * 900),
    }[name]()
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    assert "damaged" in fault(path, "bag" if name == "a.mat" else None)


def test_an_absent_file_and_another_ending_are_refused(tmp_path):
    assert fault(tmp_path / "a.h5") == "there is no such file"
    assert "a bag of features ends in .h5" in fault(tmp_path / "a.csv")


def test_the_step_of_a_grid_is_the_usual_distance_of_neighbours():
    apart = bags.grid(6, 512) + 77  # another piece of tissue, whose grid is shifted
    assert tile_step(np.concatenate([bags.grid(20, 512, 5), apart])) == 512
    assert tile_step(np.array([[0, 0], [5, 9]])) is None
