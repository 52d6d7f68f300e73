import numpy as np
import pytest
from safetensors import safe_open

from datamodules.errors import DataError
from datamodules.slide_features import SlideFeatures


def some(tiles=5, dtype=np.float16):
    rng = np.random.default_rng(0)
    return SlideFeatures(
        rng.normal(size=(tiles, 3)).astype(dtype),
        rng.integers(0, 1000, (tiles, 2)).astype(np.int32),
        rng.random(tiles).astype(np.float32),
        {"tile_side": 256.0, "um_per_pixel": 0.5},
        {"encoder": "resnet18"},
    )


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_a_file_gives_back_what_was_written(tmp_path, dtype):
    written = some(dtype=dtype)
    written.write(tmp_path / "a.safetensors")
    found = SlideFeatures.open(tmp_path / "a.safetensors")
    for name in ("features", "coordinates", "tissue"):
        np.testing.assert_array_equal(getattr(found, name), getattr(written, name))
        assert getattr(found, name).dtype == getattr(written, name).dtype
    assert (found.slide, found.recipe) == (written.slide, written.recipe)
    assert found.tile_side == 256


def test_other_programs_read_the_file(tmp_path):
    written = some()
    written.write(tmp_path / "a.safetensors")
    with safe_open(tmp_path / "a.safetensors", "np") as file:
        np.testing.assert_array_equal(file.get_tensor("features"), written.features)
        assert "resnet18" in file.metadata()["lightbox"]


@pytest.mark.parametrize("share", [0.0, 0.05, 0.5, 0.99])
def test_a_truncated_file_is_named(tmp_path, share):
    path = tmp_path / "a.safetensors"
    some(100).write(path)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(DataError, match=r"a\.safetensors"):
        SlideFeatures.open(path)


def test_features_are_mapped_and_not_read(tmp_path):
    some().write(tmp_path / "a.safetensors")
    assert isinstance(SlideFeatures.open(tmp_path / "a.safetensors").features, np.memmap)
