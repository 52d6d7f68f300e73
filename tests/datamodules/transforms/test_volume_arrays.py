"""Volumes that are rows of an npz file."""

import os
import time
from pathlib import Path

import numpy as np
import pytest

from datamodules.errors import DataError
from datamodules.transforms.npz_rows import forget_arrays
from datamodules.transforms.volume_reading import read_volume

VOLUMES = np.random.default_rng(0).integers(0, 256, (4, 5, 6, 7)).astype(np.uint8)


def write(path: Path, **members: np.ndarray) -> Path:
    np.savez_compressed(path, **members)
    return path


def test_a_row_is_a_volume_without_spacing(tmp_path: Path) -> None:
    path = write(tmp_path / "a.npz", train_images=VOLUMES)
    volume = read_volume(path, "train_images[3]")
    np.testing.assert_array_equal(volume.array, VOLUMES[3:])
    np.testing.assert_array_equal(volume.affine, np.eye(4))
    assert (volume.array.dtype, volume.has_spacing) == (np.uint8, False)


def test_a_volume_that_is_changed_leaves_the_others_as_they_are(tmp_path: Path) -> None:
    path = write(tmp_path / "a.npz", images=VOLUMES)
    read_volume(path, "images[0]").array[...] = 0
    np.testing.assert_array_equal(read_volume(path, "images[0]").array, VOLUMES[:1])


def test_a_member_is_decompressed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "a.npz", images=VOLUMES)
    loads = []
    load = np.load
    monkeypatch.setattr(np, "load", lambda *args, **more: loads.append(args) or load(*args, **more))
    for row in range(4):
        read_volume(path, f"images[{row}]")
    assert len(loads) == 1
    forget_arrays()
    read_volume(path, "images[0]")
    assert len(loads) == 2


@pytest.mark.parametrize(
    ("selector", "reason"),
    [
        (None, "needs a selector such as train_images"),
        ("1.2.3", "needs a selector"),
        ("images[4]", "'images' has 4 volumes; there is no images[4]"),
        ("films[0]", "'films' is uint8 (4, 5, 6), which are not volumes"),
        ("colours[0]", "'colours' is uint8 (4, 5, 6, 3), which are not volumes"),
        ("empty[0]", "not volumes"),
        ("number[0]", "not volumes"),
        ("words[0]", "voxels are <U1, which are not read"),
        ("masks[0]", "has no 'masks'; it has images"),
    ],
)
def test_a_selector_that_selects_no_volume(
    tmp_path: Path, selector: str | None, reason: str
) -> None:
    members = {"images": VOLUMES, "films": VOLUMES[..., 0], "colours": VOLUMES[..., :3]}
    odd = {"empty": VOLUMES[..., :0], "number": np.array(1), "words": np.full((1, 1, 1, 1), "a")}
    path = write(tmp_path / "a.npz", **members, **odd)
    with pytest.raises(DataError) as error:
        read_volume(path, selector)
    assert reason in str(error.value)


def test_values_that_are_not_finite_are_counted(tmp_path: Path) -> None:
    path = write(tmp_path / "a.npz", images=np.full((1, 2, 2, 2), np.nan))
    with pytest.raises(DataError, match="8 voxels are NaN or infinite"):
        read_volume(path, "images[0]")


def test_a_file_cut_off_is_damaged(tmp_path: Path) -> None:
    path = write(tmp_path / "a.npz", images=VOLUMES)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(DataError, match="npz file is damaged"):
        read_volume(path, "images[0]")


@pytest.mark.data
@pytest.mark.skipif("LIGHTBOX_DATA" not in os.environ, reason="LIGHTBOX_DATA is not set")
def test_real_volumes_are_read_in_milliseconds() -> None:
    path = Path(os.environ["LIGHTBOX_DATA"]) / "adrenalmnist3d" / "adrenalmnist3d.npz"
    begin = time.process_time()
    found = np.stack([read_volume(path, f"test_images[{row}]").array for row in range(298)])
    assert time.process_time() - begin < 3
    with np.load(path) as arrays:
        np.testing.assert_array_equal(found[:, 0], arrays["test_images"])
