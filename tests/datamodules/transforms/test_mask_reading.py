"""Masks lie on the voxels of their image, or are refused with both geometries."""

import gzip
from itertools import permutations, product
from pathlib import Path

import nibabel
import numpy as np
import pytest
from fakes import volume_files as fakes
from fakes.xray_files import write_image
from PIL import Image

from datamodules.cases import Source
from datamodules.errors import DataError
from datamodules.transforms.mask_reading import (
    as_labels,
    lay_on,
    read_binary_masks,
    read_label_map,
)
from datamodules.transforms.mask_run_lengths import decode_run_lengths
from datamodules.transforms.volume_reading import read_volume
from datamodules.volume import Volume

AFFINE = fakes.oblique_affine()
LABELS = np.random.default_rng(0).integers(0, 4, (5, 6, 7)).astype(np.uint8)
IMAGE = Volume(fakes.voxels(1, 5, 6, 7), AFFINE)
FLAT = Volume(np.zeros((3, 4, 5), np.uint8), np.eye(4), has_spacing=False)


def read(root: Path, name: str, image: Volume = IMAGE, selector: str | None = None) -> np.ndarray:
    volume = read_label_map(root, Source(name, selector), image)
    np.testing.assert_array_equal(volume.affine, image.affine)
    return volume.array


def reason_of(root: Path, name: str, image: Volume = IMAGE, selector: str | None = None) -> str:
    with pytest.raises(DataError) as error:
        read(root, name, image, selector)
    assert str(root) not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32, np.float64])
def test_a_label_map_is_whole_numbers_of_any_type(tmp_path: Path, dtype: type) -> None:
    fakes.write_nifti(tmp_path / "a.nii.gz", LABELS.astype(dtype), AFFINE)
    labels = read(tmp_path, "a.nii.gz")
    np.testing.assert_array_equal(labels[0], LABELS)
    assert labels.dtype.kind in "iu"


def test_values_between_labels_are_refused(tmp_path: Path) -> None:
    halves = LABELS / 2
    fakes.write_nifti(tmp_path / "a.nii.gz", halves, AFFINE)
    count = int((LABELS % 2 == 1).sum())
    assert f"{count} voxels of the mask are no whole numbers (0 to 1.5)" in reason_of(
        tmp_path, "a.nii.gz"
    )


def test_another_shape_is_refused_with_both(tmp_path: Path) -> None:
    fakes.write_nifti(tmp_path / "a.nii", LABELS[:, :, :5], AFFINE)
    assert reason_of(tmp_path, "a.nii") == ("the mask has 5 x 6 x 5 voxels and the image 5 x 6 x 7")


@pytest.mark.parametrize(("row", "column"), [(0, 3), (1, 1), (2, 0)])
def test_an_affine_off_by_more_than_a_micrometre_is_refused(
    tmp_path: Path, row: int, column: int
) -> None:
    other = AFFINE.copy()
    other[row, column] += 9e-4
    fakes.write_nifti(tmp_path / "a.nii", LABELS, other)
    read(tmp_path, "a.nii")
    other[row, column] += 3e-4
    fakes.write_nifti(tmp_path / "a.nii", LABELS, other)
    reason = reason_of(tmp_path, "a.nii")
    assert "differ by up to 0.0012 mm: mask [" in reason
    assert "image [" in reason


def write_along(path: Path, axes: list[tuple[int, int]], shift: float = 0.0) -> Path:
    """The labels on the same grid, stored along other axes by nibabel."""
    affine = AFFINE.copy()
    affine[0, 3] += shift
    nibabel.save(nibabel.Nifti1Image(LABELS, affine).as_reoriented(np.array(axes)), path)
    return path


ORIENTATIONS = [
    list(zip(order, signs, strict=True))
    for order in permutations(range(3))
    for signs in product((1, -1), repeat=3)
]


@pytest.mark.parametrize("axes", ORIENTATIONS, ids=str)
def test_the_same_grid_along_other_axes_is_turned(tmp_path: Path, axes: list) -> None:
    path = write_along(tmp_path / "a.nii", axes)
    np.testing.assert_array_equal(read(tmp_path, "a.nii")[0], LABELS)
    channel = lay_on(read_volume(path), IMAGE, "channel", waived=True)
    np.testing.assert_array_equal(channel.array[0], LABELS)
    assert channel.apart_mm == 0


def test_another_grid_along_other_axes_is_refused(tmp_path: Path) -> None:
    write_along(tmp_path / "a.nii", [(0, -1), (1, 1), (2, 1)], shift=5.0)
    with pytest.raises(DataError, match="mask run LAS and those of the image RAS, and its voxels"):
        read_label_map(tmp_path, Source("a.nii"), IMAGE)


def test_with_a_waiver_it_is_laid_on_voxel_for_voxel() -> None:
    image = Volume(np.zeros((1, 4, 5)), np.diag([2.0, 2.0, 1.0, 1.0]))
    mask = Volume(np.arange(20.0).reshape(1, 4, 5), np.diag([-2.0, 2.0, 1.0, 1.0]))
    with pytest.raises(DataError, match="mask run LA and those of the image RA"):
        lay_on(mask, image)
    found = lay_on(mask, image, waived=True)
    assert np.array_equal(found.array, mask.array)
    assert found.apart_mm == 4


def test_steep_grids_that_hardly_differ_run_alike() -> None:
    turn = np.sqrt(0.5)
    affine = np.array([[turn, -turn, 0, 0], [turn, turn, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    moved = affine + 0.002 * np.array([[1, -1, 0, 0], [-1, -1, 0, 0], [0] * 4, [0] * 4])
    image, mask = Volume(np.zeros((1, 4, 5, 6)), affine), Volume(np.zeros((1, 4, 5, 6)), moved)
    assert lay_on(mask, image, waived=True).apart_mm == pytest.approx(0.002)


def test_masks_in_png_are_grey_or_a_palette(tmp_path: Path) -> None:
    labels = LABELS[:4, :5, 0]
    palette = Image.fromarray(labels, "P")
    palette.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255])
    write_image(tmp_path / "palette.png", palette)
    write_image(tmp_path / "grey.png", labels)
    write_image(tmp_path / "rgb.png", np.repeat(labels[..., None], 3, axis=2))
    for name in ("palette.png", "grey.png", "rgb.png"):
        np.testing.assert_array_equal(read(tmp_path, name, FLAT)[0], labels)
    write_image(tmp_path / "red.png", np.stack([labels, labels * 0, labels * 0], axis=2))
    assert "3 channels" in reason_of(tmp_path, "red.png", FLAT)


def test_separate_masks_are_stacked_and_named_in_errors(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png", np.full((4, 5), 255, np.uint8))
    write_image(tmp_path / "b.png", np.eye(4, 5).astype(np.uint8))
    sources = {"heart": Source("a.png"), "lung": Source("b.png")}
    masks = read_binary_masks(tmp_path, sources, FLAT).array
    np.testing.assert_array_equal(masks, np.stack([np.ones((4, 5)), np.eye(4, 5)]))
    with pytest.raises(DataError, match="mask of lung: there is no such file"):
        read_binary_masks(tmp_path, {**sources, "lung": Source("c.png")}, FLAT)


def test_a_mask_may_not_leave_the_root(tmp_path: Path) -> None:
    assert "leaves the root" in reason_of(tmp_path, "../a.nii")


def test_truth_values_are_labels() -> None:
    np.testing.assert_array_equal(as_labels(np.array([[True, False]])), [[1, 0]])


# Run lengths


def encode(mask: np.ndarray) -> str:
    """As the challenge's own mask2rle: column after column, starts relative to the last end."""
    words, last, inside, start = [], 0, False, 0
    for index, value in enumerate([*mask.T.ravel(), 0]):
        if value and not inside:
            inside, start = True, index
        elif inside and not value:
            words += [start - last, index - start]
            inside, last = False, index
    return " ".join(map(str, words))


def test_run_lengths_by_hand() -> None:
    assert decode_run_lengths("1 2 3 1", (3, 3)).tolist() == [[0, 0, 1], [1, 0, 0], [1, 0, 0]]
    assert not decode_run_lengths(" -1", (3, 3)).any()


def write_table(path: Path, *rows: tuple[str, str], head: str = "ImageId, EncodedPixels") -> Path:
    path.write_text("\n".join([head, *(",".join(row) for row in rows)]) + "\n")
    return path


def test_rows_of_one_image_are_united(tmp_path: Path) -> None:
    masks = np.random.default_rng(0).integers(0, 2, (2, 4, 5)).astype(np.uint8)
    write_table(
        tmp_path / "rle.csv", ("1.2", encode(masks[0])), ("1.3", "-1"), ("1.2", encode(masks[1]))
    )
    expected = masks.max(axis=0)
    np.testing.assert_array_equal(read(tmp_path, "rle.csv", FLAT, "rle[1.2]")[0], expected)
    assert not read(tmp_path, "rle.csv", FLAT, "rle[1.3]").any()
    (tmp_path / "rle.csv.gz").write_bytes(gzip.compress((tmp_path / "rle.csv").read_bytes()))
    np.testing.assert_array_equal(read(tmp_path, "rle.csv.gz", FLAT, "rle[1.2]")[0], expected)


@pytest.mark.parametrize(
    ("runs", "selector", "reason"),
    [
        ("1 2", "1.2", "needs a selector such as"),
        ("1 2", "rle[1.9]", "no row of this image"),
        ("1 2 3", "rle[1.2]", "no pairs"),
        ("one 2", "rle[1.2]", "no whole numbers"),
        ("18 3", "rle[1.2]", "beyond 4 x 5 pixels"),
        ("1 -2", "rle[1.2]", "no pairs"),
        ("1 2,3", "rle[1.2]", "line 2 of the table has 3 cells"),
    ],
)
def test_bad_run_lengths(tmp_path: Path, runs: str, selector: str, reason: str) -> None:
    write_table(tmp_path / "rle.csv", ("1.2", runs))
    assert reason in reason_of(tmp_path, "rle.csv", FLAT, selector)


def test_another_table_is_refused(tmp_path: Path) -> None:
    write_table(tmp_path / "rle.csv", ("1", "2"), head="ImageId,Age")
    assert "lacks the column EncodedPixels" in reason_of(tmp_path, "rle.csv", FLAT, "rle[1]")
