"""A TIFF of several grey pages is a volume; what is none, or not whole, is refused by name."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from datamodules.cases import Source
from datamodules.errors import DataError
from datamodules.transforms.mask_reading import read_label_map
from datamodules.transforms.volume_reading import read_volume
from datamodules.volume import Volume

STACK = np.random.default_rng(0).integers(0, 4000, (4, 20, 30)).astype(np.uint16)
"""``(pages, rows, columns)``."""
SPARE = 32
"""Bytes at the end that nobody reads: the resolution of the last page."""
MICROMETRES = {"unit": "um", "spacing": 3.0, "axes": "ZYX"}


def write(path: Path, array: np.ndarray = STACK, **options: Any) -> Path:
    tifffile.imwrite(path, array, **{"photometric": "minisblack", **options})
    return path


def write_pages(path: Path, *pages: np.ndarray) -> Path:
    with tifffile.TiffWriter(path) as file:
        for page in pages:
            file.write(page, photometric="minisblack", contiguous=False)
    return path


def as_pages(volume: Volume) -> np.ndarray:
    """``(pages, rows, columns)`` again."""
    assert len(volume.array) == 1
    return volume.array[0].transpose(2, 1, 0)


def reason_of(path: Path) -> str:
    with pytest.raises(DataError) as error:
        read_volume(path)
    return str(error.value)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"metadata": None},
        {"truncate": True},
        {"compression": "zlib", "predictor": True},
        {"compression": "lzw"},
        {"tile": (16, 16)},
        {"bigtiff": True},
        {"byteorder": ">"},
        {"imagej": True, "metadata": {"axes": "ZYX"}},
        {"ome": True, "metadata": {"axes": "ZYX"}},
    ],
    ids=str,
)
def test_pages_are_slices_however_they_are_stored(tmp_path: Path, options: dict[str, Any]) -> None:
    volume = read_volume(write(tmp_path / "a.tif", **options))
    np.testing.assert_array_equal(as_pages(volume), STACK)
    assert volume.array.dtype == np.dtype(np.uint16)
    assert not volume.has_spacing


def test_pages_that_were_written_one_by_one_are_slices(tmp_path: Path) -> None:
    first, *others = [Image.fromarray(page) for page in STACK]
    first.save(tmp_path / "pillow.tif", save_all=True, append_images=others)
    write_pages(tmp_path / "pages.tif", *STACK)
    for name in ("pillow.tif", "pages.tif"):
        np.testing.assert_array_equal(as_pages(read_volume(tmp_path / name)), STACK)


@pytest.mark.parametrize("values", [STACK.astype(np.float32) / 7, STACK.astype(np.int16) - 2000])
def test_values_stay_what_they_are(tmp_path: Path, values: np.ndarray) -> None:
    volume = read_volume(write(tmp_path / "a.tif", values))
    assert volume.array.dtype == values.dtype
    np.testing.assert_array_equal(as_pages(volume), values)


def test_zero_may_be_white(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", 65535 - STACK, photometric="miniswhite")
    np.testing.assert_array_equal(as_pages(read_volume(path)), STACK)


def test_a_lookup_table_only_paints_the_values(tmp_path: Path) -> None:
    labels = (STACK % 3).astype(np.uint8)
    colours = np.random.default_rng(1).integers(0, 65536, (3, 256)).astype(np.uint16)
    path = write(tmp_path / "a.tif", labels, photometric="palette", colormap=colours)
    np.testing.assert_array_equal(as_pages(read_volume(path)), labels)


def test_spacing_is_that_of_imagej(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", imagej=True, resolution=(2.0, 2.5), metadata=MICROMETRES)
    volume = read_volume(path)
    assert volume.has_spacing
    np.testing.assert_allclose(volume.affine, np.diag([-0.5e-3, -0.4e-3, 3e-3, 1]))


@pytest.mark.parametrize("unit", ["um", "micron", r"\u00B5m", r"\u03BCm", r"\u00b5m"])
def test_micrometres_are_known_as_imagej_writes_them(tmp_path: Path, unit: str) -> None:
    metadata = {**MICROMETRES, "unit": unit}
    path = write(tmp_path / "a.tif", imagej=True, resolution=(2.0, 2.0), metadata=metadata)
    assert f"unit={unit}".encode() in path.read_bytes()
    np.testing.assert_allclose(read_volume(path).spacing, (0.5e-3, 0.5e-3, 3e-3))


def test_spacing_is_that_of_ome(tmp_path: Path) -> None:
    sizes = {"PhysicalSizeX": 0.5, "PhysicalSizeY": 0.4, "PhysicalSizeZ": 2}
    units = {f"{name}Unit": "mm" for name in sizes}
    path = write(tmp_path / "a.tif", ome=True, metadata={"axes": "ZYX", **sizes, **units})
    assert read_volume(path).spacing == (0.5, 0.4, 2.0)
    del sizes["PhysicalSizeZ"], units["PhysicalSizeZUnit"]
    path = write(tmp_path / "b.tif", ome=True, metadata={"axes": "ZYX", **sizes, **units})
    assert not read_volume(path).has_spacing


def test_dots_per_inch_are_no_spacing(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", resolution=(72, 72), resolutionunit="INCH")
    assert not read_volume(path).has_spacing


def test_channels_are_told_from_slices(tmp_path: Path) -> None:
    both = np.stack([STACK, STACK + 1], axis=1)
    path = write(tmp_path / "a.tif", both, imagej=True, metadata={"axes": "ZCYX"})
    np.testing.assert_array_equal(read_volume(path).array, both.transpose(1, 3, 2, 0))
    path = write(tmp_path / "b.tif", STACK[:2], imagej=True, metadata={"axes": "CYX"})
    np.testing.assert_array_equal(read_volume(path).array, STACK[:2])


def test_points_in_time_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", imagej=True, metadata={"axes": "TYX"})
    assert reason_of(path) == "it has 4 points in time; save each as a file of its own"


def test_pages_that_make_no_volume_are_refused(tmp_path: Path) -> None:
    sizes = write_pages(tmp_path / "a.tif", STACK[0], STACK[0, :10])
    assert "pages differ in size (20 x 30 and 10 x 30)" in reason_of(sizes)
    kinds = write_pages(tmp_path / "b.tif", STACK[0], STACK[0].astype(np.uint8))
    assert "of different kinds" in reason_of(kinds)
    colours = np.zeros((4, 20, 30, 3), np.uint8)
    assert "colours" in reason_of(write(tmp_path / "c.tif", colours, photometric="rgb"))


@pytest.mark.parametrize("kind", ["plain", "imagej", "ome", "zlib"])
def test_a_file_that_is_cut_off_is_refused(tmp_path: Path, kind: str) -> None:
    options = {"compression": "zlib"} if kind == "zlib" else {}
    options |= {name: kind == name for name in ("imagej", "ome")}
    path = write(tmp_path / "a.tif", metadata={"axes": "ZYX"}, **options)
    whole = path.read_bytes()
    for drop in range(SPARE, len(whole) - 8, 97):
        path.write_bytes(whole[:-drop])
        assert reason_of(path).startswith("the TIFF file is ")


def test_pages_that_the_chain_has_lost_are_missed(tmp_path: Path) -> None:
    path = write_pages(tmp_path / "a.tif", *STACK)
    with tifffile.TiffFile(path) as file:
        third = file.pages[2].offset
    path.write_bytes(path.read_bytes()[:third])
    assert reason_of(path) == "the TIFF file is cut off after page 2"


def test_a_stack_is_the_mask_of_a_stack(tmp_path: Path) -> None:
    labels = (STACK % 3).astype(np.uint8)
    image = read_volume(write(tmp_path / "a.tif"))
    write(tmp_path / "mask.tif", labels)
    mask = read_label_map(tmp_path, Source("mask.tif"), image)
    np.testing.assert_array_equal(as_pages(mask), labels)


def test_micrometres_are_compared_as_strictly_as_millimetres(tmp_path: Path) -> None:
    resolutions = {"a.tif": (2.0, 2.0), "mask.tif": (2.0, 2.5)}
    for name, resolution in resolutions.items():
        write(tmp_path / name, imagej=True, resolution=resolution, metadata=MICROMETRES)
    with pytest.raises(DataError, match=r"differ by up to 0\.0001 mm"):
        read_label_map(tmp_path, Source("mask.tif"), read_volume(tmp_path / "a.tif"))
