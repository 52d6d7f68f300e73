"""DICOM SEG and RTSTRUCT become masks on the voxels of the image."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes import volume_files as fakes
from fakes.dicom_masks import write_contours, write_segments
from skimage.draw import polygon2mask

from datamodules.cases import Source
from datamodules.errors import DataError
from datamodules.transforms.mask_reading import read_label_map
from datamodules.transforms.polygons import fill_polygon
from datamodules.volume import Volume

AFFINE = fakes.oblique_affine()
IMAGE = Volume(fakes.voxels(1, 9, 8, 5), AFFINE)


def masks() -> dict[str, np.ndarray]:
    liver, tumour = np.zeros((2, 9, 8, 5), bool)
    liver[1:6, 2:7, 1:4] = True
    tumour[6:8, 3:5, 2:4] = True
    return {"liver": liver, "tumour": tumour}


def read(root: Path, name: str, selector: str | None = None, image: Volume = IMAGE) -> np.ndarray:
    return read_label_map(root, Source(name, selector), image).array[0]


def reason_of(root: Path, name: str, selector: str | None = None, image: Volume = IMAGE) -> str:
    with pytest.raises(DataError) as error:
        read(root, name, selector, image)
    return str(error.value)


# SEG


@pytest.mark.parametrize("kind", ["BINARY", "FRACTIONAL", "LABELMAP"])
def test_segments_become_labels(tmp_path: Path, kind: str) -> None:
    write_segments(tmp_path / "seg.dcm", masks(), AFFINE, kind)
    found = masks()
    np.testing.assert_array_equal(read(tmp_path, "seg.dcm"), found["liver"] + 2 * found["tumour"])
    np.testing.assert_array_equal(read(tmp_path, "seg.dcm", "tumour"), found["tumour"])
    np.testing.assert_array_equal(read(tmp_path, "seg.dcm", "1"), found["liver"])


def test_segments_find_the_voxels_of_an_image_turned_otherwise(tmp_path: Path) -> None:
    write_segments(tmp_path / "seg.dcm", masks(), AFFINE)
    turned = AFFINE @ [[0, 0, -1, 8], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1]]
    image = Volume(np.zeros((1, 8, 5, 9)), turned)
    expected = masks()["liver"].transpose(1, 2, 0)[:, :, ::-1]
    np.testing.assert_array_equal(read(tmp_path, "seg.dcm", "liver", image), expected)


def test_a_segmentation_of_another_grid_is_refused(tmp_path: Path) -> None:
    write_segments(tmp_path / "seg.dcm", masks(), AFFINE)
    for axis, shift in ((0, 0.2), (2, 50)):
        other = AFFINE.copy()
        other[axis, 3] += shift
        image = Volume(IMAGE.array, other)
        assert "do not lie on the voxels" in reason_of(tmp_path, "seg.dcm", None, image)


def test_structures_that_overlap_are_given_one_by_one(tmp_path: Path) -> None:
    found = masks()
    found["tumour"][2:4, 3:5, 2] = True
    write_segments(tmp_path / "seg.dcm", found, AFFINE)
    assert "overlap in 4 voxels" in reason_of(tmp_path, "seg.dcm")
    np.testing.assert_array_equal(read(tmp_path, "seg.dcm", "tumour"), found["tumour"])
    assert "no structure of the label" in reason_of(tmp_path, "seg.dcm", "spleen")


def test_a_segmentation_that_is_cut_off(tmp_path: Path) -> None:
    whole = write_segments(tmp_path / "seg.dcm", masks(), AFFINE).read_bytes()
    for length in range(140, len(whole) - 1, 97):
        (tmp_path / "cut.dcm").write_bytes(whole[:length])
        assert "\n" not in reason_of(tmp_path, "cut.dcm")


# RTSTRUCT


def square(low: float, high: float, axis_values: tuple[float, float], k: float) -> np.ndarray:
    """Corners of a rectangle in one slice, as indices ``(n, 3)``."""
    left, right = axis_values
    return np.array([[low, left, k], [high, left, k], [high, right, k], [low, right, k]])


def test_contours_enclose_voxels_by_their_centres(tmp_path: Path) -> None:
    contours = {"liver": [square(0.6, 5.4, (1.6, 6.4), k) for k in (1, 2, 3)]}
    contours["tumour"] = [square(5.6, 7.4, (2.6, 4.4), k) for k in (2, 3)]
    write_contours(tmp_path / "rs.dcm", contours, AFFINE)
    found = masks()
    np.testing.assert_array_equal(read(tmp_path, "rs.dcm"), found["liver"] + 2 * found["tumour"])
    np.testing.assert_array_equal(read(tmp_path, "rs.dcm", "tumour"), found["tumour"])


def test_a_contour_within_another_one_is_a_hole(tmp_path: Path) -> None:
    rings = [square(0.6, 5.4, (1.6, 6.4), 2), square(2.6, 3.4, (3.6, 4.4), 2)]
    write_contours(tmp_path / "rs.dcm", {"liver": rings}, AFFINE)
    expected = np.zeros((9, 8, 5))
    expected[1:6, 2:7, 2] = 1
    expected[3, 4, 2] = 0
    np.testing.assert_array_equal(read(tmp_path, "rs.dcm"), expected)


def test_contours_of_another_slice_direction_or_place_are_refused(tmp_path: Path) -> None:
    slanted = square(0.6, 5.4, (1.6, 6.4), 2)
    slanted[:, 2] += [0, 3, 3, 0]
    write_contours(tmp_path / "a.dcm", {"liver": [slanted]}, AFFINE)
    assert "not lie in one slice" in reason_of(tmp_path, "a.dcm")
    write_contours(tmp_path / "b.dcm", {"liver": [square(0.6, 5.4, (1.6, 6.4), 9)]}, AFFINE)
    assert "outside the image" in reason_of(tmp_path, "b.dcm")


def test_a_damaged_structure_set_is_named(tmp_path: Path) -> None:
    path = write_contours(tmp_path / "a.dcm", {"liver": [square(0.6, 5.4, (1.6, 6.4), 2)]}, AFFINE)
    path.write_bytes(path.read_bytes()[:-30])
    assert "damaged" in reason_of(tmp_path, "a.dcm")


@pytest.mark.parametrize("seed", range(5))
def test_polygons_agree_with_scikit_image_off_the_line(seed: int) -> None:
    random = np.random.default_rng(seed)
    angles = np.sort(random.uniform(0, 2 * np.pi, 9))
    lengths = random.uniform(3, 25, 9)
    points = 20 + np.stack([lengths * np.sin(angles), lengths * np.cos(angles)], axis=1)
    np.testing.assert_array_equal(fill_polygon(points, (40, 42)), polygon2mask((40, 42), points))


def test_polygons_that_leave_the_image_are_cut() -> None:
    points = np.array([[-5.0, -5.0], [-5.0, 50.0], [2.5, 50.0], [2.5, -5.0]])
    expected: Any = np.zeros((6, 7), bool)
    expected[:3] = True
    np.testing.assert_array_equal(fill_polygon(points, (6, 7)), expected)
