"""Reading volumes: every format gives the same voxels and affine, every bad file a reason."""

import gzip
import zlib
from contextlib import suppress
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK
from fakes import volume_files as fakes
from fakes import xray_files
from fakes.xray_files import flip_bit, ramp, truncate, write_image, write_png_header
from PIL import Image

from datamodules.errors import DataError
from datamodules.transforms.volume_reading import read_volume
from datamodules.volume import Volume

ARRAY, AFFINE = fakes.voxels(5, 6, 7), fakes.oblique_affine()
ITK_FORMATS = ["a.mha", "a.mhd", "a.nrrd", "a.nhdr"]


def reason_of(path: Path, selector: str | None = None) -> str:
    with pytest.raises(DataError) as error:
        read_volume(path, selector)
    assert "\n" not in str(error.value)
    assert str(path.parent) not in str(error.value)
    return str(error.value)


def assert_is(volume: Volume, array: np.ndarray, affine: np.ndarray = AFFINE) -> None:
    np.testing.assert_array_equal(volume.array, array)
    np.testing.assert_allclose(volume.affine, affine, atol=1e-5)


def write_with_itk(
    folder: Path, name: str, array: np.ndarray = ARRAY, compress: bool = True
) -> Path:
    """SimpleITK writes; it takes ``(k, j, i)``, channels last, and LPS."""
    image = SimpleITK.GetImageFromArray(
        np.ascontiguousarray(array.T),
        isVector=array.ndim == 4,
    )
    lps = fakes.RAS_TO_LPS @ AFFINE
    spacing = np.linalg.norm(lps[:3, :3], axis=0)
    image.SetSpacing(spacing.tolist())
    image.SetDirection((lps[:3, :3] / spacing).ravel().tolist())
    image.SetOrigin(lps[:3, 3].tolist())
    SimpleITK.WriteImage(image, str(folder / name), compress)
    return folder / name


def assert_noticed(path: Path) -> None:
    """A changed stream is refused, but for the rare change after which it says the same."""
    try:
        volume = read_volume(path)
    except DataError:
        return
    assert_is(volume, ARRAY[None])


# NIfTI


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_a_nifti_is_read_as_nibabel_does(tmp_path: Path, name: str) -> None:
    volume = read_volume(fakes.write_nifti(tmp_path / name, ARRAY, AFFINE))
    assert_is(volume, ARRAY[None])
    assert volume.array.dtype == np.int16
    np.testing.assert_allclose(volume.spacing, (0.7, 1.0, 2.5), rtol=1e-6)


def test_the_last_of_four_axes_has_the_channels(tmp_path: Path) -> None:
    four = np.stack([ARRAY, ARRAY + 1, ARRAY + 2], axis=-1)
    assert_is(
        read_volume(fakes.write_nifti(tmp_path / "a.nii", four, AFFINE)), four.transpose(3, 0, 1, 2)
    )


def test_scale_and_offset_are_applied(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(ARRAY, AFFINE)
    image.header.set_slope_inter(0.5, -3)
    nibabel.save(image, tmp_path / "a.nii.gz")
    expected = nibabel.load(tmp_path / "a.nii.gz").get_fdata()
    np.testing.assert_allclose(read_volume(tmp_path / "a.nii.gz").array[0], expected, rtol=1e-6)


def test_the_qform_is_used_where_there_is_no_sform(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(ARRAY, None)
    image.set_qform(AFFINE, code=1)
    image.set_sform(None, code=0)
    nibabel.save(image, tmp_path / "a.nii")
    assert_is(read_volume(tmp_path / "a.nii"), ARRAY[None])


def test_a_header_that_can_be_mended_is_mended_in_silence(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    content = bytearray(fakes.write_nifti(tmp_path / "a.nii", ARRAY, AFFINE).read_bytes())
    content[252:254] = (99).to_bytes(2, "little")  # qform_code
    (tmp_path / "a.nii").write_bytes(content)
    assert_is(read_volume(tmp_path / "a.nii"), ARRAY[None])
    assert capfd.readouterr() == ("", "")


def test_nifti_2_and_big_endian_are_read(tmp_path: Path) -> None:
    nibabel.save(nibabel.Nifti2Image(ARRAY, AFFINE), tmp_path / "a.nii")
    assert_is(read_volume(tmp_path / "a.nii"), ARRAY[None])
    header = nibabel.Nifti1Header(endianness=">")
    header.set_data_dtype(np.int16)
    nibabel.save(nibabel.Nifti1Image(ARRAY.astype(">i2"), AFFINE, header), tmp_path / "b.nii")
    assert_is(read_volume(tmp_path / "b.nii"), ARRAY[None])


def test_a_flipped_bit_of_a_compressed_nifti_is_noticed(tmp_path: Path) -> None:
    whole = fakes.write_nifti(tmp_path / "a.nii.gz", ARRAY, AFFINE).read_bytes()
    for position in range(10, len(whole), 11):
        damaged = tmp_path / "b.nii.gz"
        damaged.write_bytes(whole)
        assert_noticed(flip_bit(damaged, position, position % 8))


def test_a_compressed_nifti_cut_off_anywhere(tmp_path: Path) -> None:
    whole = fakes.write_nifti(tmp_path / "a.nii.gz", ARRAY, AFFINE).read_bytes()
    for length in range(0, len(whole), 13):
        (tmp_path / "b.nii.gz").write_bytes(whole[:length])
        assert reason_of(tmp_path / "b.nii.gz")
    assert "cut off" in reason_of(tmp_path / "b.nii.gz")


def test_a_nifti_that_is_too_short_says_how_much_it_has(tmp_path: Path) -> None:
    path = truncate(fakes.write_nifti(tmp_path / "a.nii", ARRAY), 20)
    assert f"{ARRAY.nbytes - 20} bytes of voxels where its header declares" in reason_of(path)


def test_a_declared_size_beyond_memory_is_refused_before_decoding(tmp_path: Path) -> None:
    header = nibabel.Nifti1Header()
    header.set_data_shape((30_000, 30_000, 30_000))
    (tmp_path / "a.nii.gz").write_bytes(gzip.compress(header.binaryblock + bytes(8)))
    assert "declares 108000 GB" in reason_of(tmp_path / "a.nii.gz")


def test_a_stream_that_never_ends_is_refused(tmp_path: Path) -> None:
    small = fakes.write_nifti(tmp_path / "a.nii", ARRAY).read_bytes()
    (tmp_path / "a.nii.gz").write_bytes(gzip.compress(small + bytes(2**23)))
    assert "far more than its header declares" in reason_of(tmp_path / "a.nii.gz")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_voxels_without_a_value_are_counted(tmp_path: Path, value: float) -> None:
    array = ARRAY.astype(np.float32)
    array[0, 0, :3] = value
    path = fakes.write_nifti(tmp_path / "a.nii.gz", array)
    assert reason_of(path) == "3 voxels are NaN or infinite"


def test_an_affine_without_an_inverse_is_refused(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(ARRAY, np.eye(4))
    image.header["srow_x"] = 0
    image.header["sform_code"] = 1
    (tmp_path / "a.nii").write_bytes(image.header.binaryblock + bytes(4) + ARRAY.tobytes(order="F"))
    assert "no inverse" in reason_of(tmp_path / "a.nii")


def test_complex_voxels_and_five_axes_are_refused(tmp_path: Path) -> None:
    assert "complex64" in reason_of(
        fakes.write_nifti(tmp_path / "a.nii", ARRAY.astype(np.complex64))
    )
    five = np.zeros((2, 2, 2, 2, 2), np.uint8)
    assert "5 axes" in reason_of(fakes.write_nifti(tmp_path / "b.nii", five))


# NRRD and MetaImage


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("name", ITK_FORMATS)
def test_what_itk_writes_is_read(tmp_path: Path, name: str, compress: bool) -> None:
    assert_is(read_volume(write_with_itk(tmp_path, name, compress=compress)), ARRAY[None])


@pytest.mark.parametrize("name", ["a.mha", "a.nrrd"])
def test_channels_of_itk_come_first(tmp_path: Path, name: str) -> None:
    two = np.stack([ARRAY, ARRAY + 1])
    assert_is(read_volume(write_with_itk(tmp_path, name, two)), two)


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i4", "u4", "i8", "f4", "f8"])
@pytest.mark.parametrize("name", ["a.mha", "a.nrrd"])
def test_every_type_of_voxels_is_read(tmp_path: Path, name: str, dtype: str) -> None:
    volume = read_volume(write_with_itk(tmp_path, name, ARRAY.astype(dtype)))
    assert volume.array.dtype == np.dtype(dtype)
    assert_is(volume, ARRAY.astype(dtype)[None])


@pytest.mark.parametrize("name", ["a.mha", "a.nrrd"])
def test_a_flipped_bit_of_compressed_voxels_is_noticed(tmp_path: Path, name: str) -> None:
    whole = write_with_itk(tmp_path, name).read_bytes()
    start = max(whole.find(b"LOCAL\n") + 6, whole.find(b"\n\n") + 12)
    for position in range(start, len(whole), 7):
        (tmp_path / name).write_bytes(whole)
        assert_noticed(flip_bit(tmp_path / name, position, position % 8))
        (tmp_path / name).write_bytes(whole[:position])
        assert reason_of(tmp_path / name)


@pytest.mark.parametrize("name", ["a.mhd", "a.nhdr"])
@pytest.mark.parametrize("place", ["/etc/hostname", "../outside.raw", "sub/inside.raw"])
def test_a_header_reaches_no_file_but_one_beside_it(tmp_path: Path, name: str, place: str) -> None:
    path = write_with_itk(tmp_path, name, compress=False)
    raw = next(each.name for each in tmp_path.iterdir() if "raw" in each.suffix)
    path.write_bytes(path.read_bytes().replace(raw.encode(), place.encode()))
    assert "do not lie beside it" in reason_of(path)
    path.write_bytes(path.read_bytes().replace(place.encode(), b"gone.raw"))
    assert "'gone.raw' of its voxels is missing" in reason_of(path)


def test_an_nrrd_in_ras_with_spacings_only_and_in_bzip2(tmp_path: Path) -> None:
    import bz2

    data = ARRAY.tobytes(order="F")
    head = b"NRRD0005\ntype: short\ndimension: 3\nsizes: 5 6 7\nendian: little\n"
    ras = b"space: RAS\nspace directions: (0,2,0) (-1,0,0) (0, 0, 3)\nspace origin: (1,2,3)\n"
    (tmp_path / "a.nrrd").write_bytes(head + ras + b"encoding: bzip2\n\n" + bz2.compress(data))
    affine = np.array([[0, -1, 0, 1], [2, 0, 0, 2], [0, 0, 3, 3], [0, 0, 0, 1]])
    assert_is(read_volume(tmp_path / "a.nrrd"), ARRAY[None], affine)
    (tmp_path / "b.nrrd").write_bytes(head + b"spacings: 1 2 3\nencoding: raw\n\n" + data)
    assert read_volume(tmp_path / "b.nrrd").spacing == (1, 2, 3)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (b"short", b"block", "no type of voxels"),
        (b"sizes: 5 6 7", b"sizes: 5 six 7", "no numbers in 'sizes'"),
        (b"sizes: 5 6 7", b"sizes: 5 0 7", "5 x 0 x 7 voxels"),
        (b"encoding: gzip", b"encoding: hex", "encoding is not read"),
        (b"left-posterior-superior", b"scanner-xyz", "not LPS, LAS or RAS"),
        (b"space directions: (", b"space directions: x(", "no numbers"),
    ],
)
def test_an_nrrd_header_that_is_wrong(tmp_path: Path, old: bytes, new: bytes, reason: str) -> None:
    path = write_with_itk(tmp_path, "a.nrrd")
    path.write_bytes(path.read_bytes().replace(old, new))
    assert reason in reason_of(path)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (b"MET_SHORT", b"MET_OTHER", "no ElementType"),
        (b"DimSize = 5", b"DimSize = x", "no numbers in 'DimSize'"),
        (b"DimSize = 5 6 7", b"DimSize = 5 6 7 2", "4 axes"),
        (b"DimSize = 5 6 7", b"DimSize = 90000 90000 900", "machine has"),
        (b"BinaryData = True", b"BinaryData = False", "text"),
        (b"ElementDataFile = LOCAL", b"ElementDataFile = LIST", "several files"),
        (b"ElementDataFile", b"ElementDataFil", "cut off"),
        (b"Offset = ", b"Offset = 1 ", "4 numbers in 'Offset'"),
    ],
)
def test_a_metaimage_header_that_is_wrong(
    tmp_path: Path, old: bytes, new: bytes, reason: str
) -> None:
    path = write_with_itk(tmp_path, "a.mha")
    path.write_bytes(path.read_bytes().replace(old, new))
    assert reason in reason_of(path)


# Natural images


@pytest.mark.parametrize("name", ["a.png", "a.tiff", "a.bmp", "a.gif"])
def test_grey_images_have_one_channel(tmp_path: Path, name: str) -> None:
    volume = read_volume(write_image(tmp_path / name, ramp()))
    assert_is(volume, ramp()[None], np.eye(4))
    assert not volume.has_spacing


@pytest.mark.parametrize("name", ["a.png", "a.tiff", "a.bmp"])
def test_colours_are_three_channels(tmp_path: Path, name: str) -> None:
    colours = np.stack([ramp(seed=seed) for seed in range(3)], axis=-1)
    volume = read_volume(write_image(tmp_path / name, colours))
    assert_is(volume, np.moveaxis(colours, -1, 0), np.eye(4))


@pytest.mark.parametrize("name", ["a.png", "a.tiff"])
def test_sixteen_bits_stay_sixteen_bits(tmp_path: Path, name: str) -> None:
    volume = read_volume(write_image(tmp_path / name, ramp(bits=16)))
    assert volume.array.dtype == np.uint16
    assert_is(volume, ramp(bits=16)[None], np.eye(4))


def test_floats_of_a_tiff_are_kept_and_checked(tmp_path: Path) -> None:
    grey = ramp().astype(np.float32) / 7
    assert_is(read_volume(write_image(tmp_path / "a.tif", grey)), grey[None], np.eye(4))
    grey[1, 1] = np.nan
    assert reason_of(write_image(tmp_path / "b.tif", grey)) == "1 voxels are NaN or infinite"


def coloured_palette(path: Path, indices: np.ndarray) -> Path:
    image = Image.fromarray(indices, "P")
    image.putpalette([0, 0, 0, 255, 0, 0, 0, 128, 255])
    return write_image(path, image)


def test_a_palette_paints_images_but_not_labels(tmp_path: Path) -> None:
    indices = (ramp() % 3).astype(np.uint8)
    path = coloured_palette(tmp_path / "a.png", indices)
    expected = np.array([[0, 255, 0], [0, 0, 128], [0, 0, 255]], np.uint8)[:, indices]
    assert_is(read_volume(path), expected, np.eye(4))
    assert_is(read_volume(path, labels=True), indices[None], np.eye(4))


def test_an_inverted_grey_palette_is_resolved(tmp_path: Path) -> None:
    path = xray_files.write_inverted_palette_png(tmp_path / "a.png", ramp())
    assert_is(read_volume(path), ramp()[None], np.eye(4))
    assert_is(read_volume(path, labels=True), ramp()[None], np.eye(4))


def test_transparency_lies_over_black(tmp_path: Path) -> None:
    pixels = np.array([[[200, 100, 50, 0], [200, 100, 50, 255]]], np.uint8)
    volume = read_volume(write_image(tmp_path / "a.png", Image.fromarray(pixels, "RGBA")))
    assert volume.array.tolist() == [[[0, 200]], [[0, 100]], [[0, 50]]]


def test_bad_images_have_a_reason(tmp_path: Path) -> None:
    assert "60000 x 60000" in reason_of(write_png_header(tmp_path / "a.png", 60_000, 60_000))
    assert "damaged" in reason_of(truncate(write_image(tmp_path / "b.png", ramp(60, 60)), 40))
    frames = [Image.fromarray(ramp(seed=seed)) for seed in range(3)]
    frames[0].save(tmp_path / "c.gif", save_all=True, append_images=frames[1:])
    assert "3 images" in reason_of(tmp_path / "c.gif")


# Whatever the format


def test_what_cannot_be_read_at_all(tmp_path: Path) -> None:
    (tmp_path / "empty.nii.gz").touch()
    (tmp_path / "text.nii").write_text("subject,age\n1,2\n")
    (tmp_path / "text.nii.gz").write_bytes(gzip.compress(b"subject,age"))
    (tmp_path / "folder").mkdir()
    assert reason_of(tmp_path / "empty.nii.gz") == "the file is empty"
    assert "whatever its name says" in reason_of(tmp_path / "text.nii")
    assert "no NIfTI file is inside" in reason_of(tmp_path / "text.nii.gz")
    assert reason_of(tmp_path / "gone.nii") == "there is no such file"
    assert reason_of(tmp_path / "folder") == "the folder has no DICOM images"


def test_a_file_has_no_parts(tmp_path: Path) -> None:
    path = fakes.write_nifti(tmp_path / "a.nii", ARRAY)
    assert "holds one volume, and '1' is asked for" in reason_of(path, "1")


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.mha", "a.nrrd"])
def test_a_header_with_any_byte_changed_is_read_or_refused(tmp_path: Path, name: str) -> None:
    """No change makes another exception than DataError, nor asks for memory there is not."""
    writers = {"nii": fakes.write_nifti, "gz": fakes.write_nifti}
    suffix = name.rpartition(".")[2]
    if suffix in writers:
        whole = fakes.write_nifti(tmp_path / name, ARRAY, AFFINE).read_bytes()
    else:
        whole = write_with_itk(tmp_path, name, compress=False).read_bytes()
    random = np.random.default_rng(0)
    for _ in range(150):
        content = bytearray(whole)
        content[random.integers(min(352, len(content)))] = random.integers(256)
        (tmp_path / name).write_bytes(content)
        with suppress(DataError):
            read_volume(tmp_path / name)


def test_zlib_and_gzip_agree_that_the_end_counts() -> None:
    from datamodules.transforms.volume_streams import GZIP, ZLIB, inflate

    for wrapper, packed in ((GZIP, gzip.compress(b"abc" * 99)), (ZLIB, zlib.compress(b"abc" * 99))):
        assert inflate(packed, 297, wrapper) == b"abc" * 99
        with pytest.raises(DataError, match="297 bytes where its header declares 300"):
            inflate(packed, 300, wrapper)
        with pytest.raises(DataError, match="cut off"):
            inflate(packed[:-1], 297, wrapper)
