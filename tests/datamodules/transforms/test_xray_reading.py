"""Reading films: every format gives the same grey values, and every bad file a reason."""

import os
from pathlib import Path

import numpy as np
import pytest
import tifffile
from fakes import xray_files as fakes
from PIL import Image

from datamodules.errors import DataError
from datamodules.transforms.xray_pixels import content_hash
from datamodules.transforms.xray_reading import read_xray

GREY = fakes.ramp()


def reason_of(path: Path, selector: str | None = None) -> str:
    with pytest.raises(DataError) as error:
        read_xray(path, selector)
    assert "\n" not in str(error.value)
    assert str(path.parent) not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("suffix", ["png", "tiff"])
def test_grey_of_8_bits_is_read_as_stored(tmp_path: Path, suffix: str) -> None:
    film = read_xray(fakes.write_image(tmp_path / f"a.{suffix}", GREY))
    assert film.pixels.dtype == np.uint8
    assert (film.low, film.high, film.bits, film.spacing_mm) == (0, 255, 8, None)
    np.testing.assert_array_equal(film.pixels, GREY)


@pytest.mark.parametrize("suffix", ["png", "tiff"])
def test_grey_of_16_bits_is_read_as_stored(tmp_path: Path, suffix: str) -> None:
    grey = fakes.ramp(bits=16)
    film = read_xray(fakes.write_image(tmp_path / f"a.{suffix}", grey))
    assert film.pixels.dtype == np.uint16
    assert (film.low, film.high, film.bits) == (0, 65535, 16)
    np.testing.assert_array_equal(film.pixels, grey)


def test_an_inverted_palette_is_resolved(tmp_path: Path) -> None:
    path = fakes.write_inverted_palette_png(tmp_path / "a.png", GREY)
    assert Image.open(path).mode == "P"
    np.testing.assert_array_equal(read_xray(path).pixels, GREY)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA"])
def test_grey_stored_as_colour_is_unchanged(tmp_path: Path, mode: str) -> None:
    path = fakes.write_image(tmp_path / "a.png", Image.fromarray(GREY).convert(mode))
    np.testing.assert_array_equal(read_xray(path).pixels, GREY)


def test_colour_becomes_luma(tmp_path: Path) -> None:
    colours = np.zeros((1, 3, 3), np.uint8)
    colours[0, [0, 1, 2], [0, 1, 2]] = 255
    film = read_xray(fakes.write_image(tmp_path / "a.png", colours))
    assert film.pixels.tolist() == [[76, 150, 29]]  # 255 times 0.299, 0.587, 0.114


def test_transparent_pixels_lie_over_black(tmp_path: Path) -> None:
    layers = np.stack([np.full((1, 3), 200), [[0, 51, 255]]], axis=2).astype(np.uint8)
    film = read_xray(fakes.write_image(tmp_path / "a.png", Image.fromarray(layers, "LA")))
    assert film.pixels.tolist() == [[0, 40, 200]]


def test_a_film_of_1_bit_is_black_and_white(tmp_path: Path) -> None:
    path = fakes.write_image(tmp_path / "a.png", Image.fromarray(GREY > 99))
    film = read_xray(path)
    assert film.bits == 1
    np.testing.assert_array_equal(film.pixels, np.where(GREY > 99, 255, 0))


def test_jpeg_is_turned_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[274] = 6  # rotate by 90 degrees clockwise
    smooth = np.tile(np.arange(0, 240, 10, dtype=np.uint8), (16, 1))
    path = fakes.write_image(tmp_path / "a.jpg", smooth, exif=exif, quality=95)
    np.testing.assert_allclose(read_xray(path).pixels, np.rot90(smooth, -1), atol=3)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("compression", ["raw", "tiff_lzw"])
def test_tiff_with_white_as_zero_is_inverted(tmp_path: Path, bits: int, compression: str) -> None:
    grey = fakes.ramp(bits=bits)
    packing = None if compression == "raw" else "lzw"
    path = tmp_path / "a.tiff"
    tifffile.imwrite(path, 2**bits - 1 - grey, photometric="miniswhite", compression=packing)
    np.testing.assert_array_equal(read_xray(path).pixels, grey)


def test_a_float_tiff_is_refused(tmp_path: Path) -> None:
    path = fakes.write_image(tmp_path / "a.tiff", GREY.astype(np.float32))
    assert "declares no grey range" in reason_of(path)


def test_several_pages_are_refused(tmp_path: Path) -> None:
    page = Image.fromarray(GREY)
    path = fakes.write_image(tmp_path / "a.tiff", page, save_all=True, append_images=[page])
    assert "holds 2 images" in reason_of(path)


def test_content_not_name_decides_the_format(tmp_path: Path) -> None:
    path = fakes.write_image(tmp_path / "a.png", GREY).rename(tmp_path / "a.dcm")
    np.testing.assert_array_equal(read_xray(path).pixels, GREY)


def test_the_same_film_in_two_formats_has_one_hash(tmp_path: Path) -> None:
    paths = [fakes.write_image(tmp_path / name, GREY) for name in ("a.png", "a.tiff")]
    first, second = (content_hash(read_xray(path).pixels) for path in paths)
    assert first == second
    assert len(first) == 16
    assert first != content_hash(GREY[::-1])
    assert first != content_hash(GREY.T)


# Files that are not films, or not whole.


def test_a_text_file_named_png(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_text("<html>404 not found</html>")
    assert "not a PNG, JPEG, TIFF, DICOM or npz file" in reason_of(path)


@pytest.mark.parametrize("name", ["a.png", "a.dcm", "a.npz"])
def test_an_empty_file(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    assert reason_of(tmp_path / name) == "the file is empty"


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, mode: str) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "open", refuse)
    assert reason_of(tmp_path / "a.png") == "permission denied"


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    assert reason_of(tmp_path / "a.png") == "there is no such file"
    assert "directory" in reason_of(tmp_path)


@pytest.mark.parametrize("bits", [8, 16])
def test_png_cut_off_anywhere(tmp_path: Path, bits: int) -> None:
    whole = fakes.write_image(tmp_path / "a.png", fakes.ramp(bits=bits)).read_bytes()
    path = tmp_path / "b.png"
    for length in range(8, len(whole)):
        path.write_bytes(whole[:length])
        assert "PNG file" in reason_of(path)


def test_png_with_any_bit_flipped(tmp_path: Path) -> None:
    size = fakes.write_image(tmp_path / "a.png", GREY).stat().st_size
    for position in range(size):
        path = fakes.write_image(tmp_path / "a.png", GREY)
        reason_of(fakes.flip_bit(path, position, bit=position % 8))


@pytest.mark.parametrize("suffix", ["jpg", "tiff"])
def test_jpeg_and_tiff_cut_off(tmp_path: Path, suffix: str) -> None:
    whole = fakes.write_image(tmp_path / f"a.{suffix}", fakes.ramp(64, 64)).read_bytes()
    path = tmp_path / f"b.{suffix}"
    for length in np.linspace(4, len(whole) - 2, 40).astype(int):
        path.write_bytes(whole[:length])
        reason_of(path)


def test_a_png_without_image_data(tmp_path: Path) -> None:
    whole = fakes.write_png_header(tmp_path / "a.png", 10, 10).read_bytes()
    (tmp_path / "a.png").write_bytes(whole[:33] + whole[-12:])
    assert "no image data" in reason_of(tmp_path / "a.png")


def test_a_png_with_too_little_image_data(tmp_path: Path) -> None:
    assert "damaged" in reason_of(fakes.write_png_header(tmp_path / "a.png", 100, 100))


def test_a_declared_size_is_refused_before_decoding(tmp_path: Path) -> None:
    path = fakes.write_png_header(tmp_path / "a.png", 60_000, 60_000)
    assert "60000 x 60000 pixels" in reason_of(path)


# Rows of npz files.


def test_a_row_of_an_npz_file(tmp_path: Path) -> None:
    films = np.stack([GREY, GREY[::-1]])
    np.savez_compressed(tmp_path / "a.npz", train_images=films)
    film = read_xray(tmp_path / "a.npz", "train_images[1]")
    assert (film.low, film.high, film.bits) == (0, 255, 8)
    np.testing.assert_array_equal(film.pixels, GREY[::-1])


def test_colour_rows_of_an_npz_file_become_luma(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", images=np.repeat(GREY[None, :, :, None], 3, axis=3))
    np.testing.assert_array_equal(read_xray(tmp_path / "a.npz", "images[0]").pixels, GREY)


def test_a_replaced_npz_file_is_read_again(tmp_path: Path) -> None:
    for grey in (GREY, 255 - GREY):
        np.savez(tmp_path / "a.npz", images=grey[None])
        os.utime(tmp_path / "a.npz", ns=(0, int(grey[0, 0])))
        np.testing.assert_array_equal(read_xray(tmp_path / "a.npz", "images[0]").pixels, grey)


@pytest.mark.parametrize(
    ("selector", "reason"),
    [
        (None, "needs a selector"),
        ("images", "needs a selector"),
        ("images[-1]", "needs a selector"),
        ("images[1]", "'images' has 1 films"),
        ("labels[0]", "labels"),
        ("masks[0]", "has no 'masks'; it has images, labels, objects"),
        ("objects[0]", "damaged"),
    ],
)
def test_a_selector_that_selects_no_film(tmp_path: Path, selector: str, reason: str) -> None:
    path = tmp_path / "a.npz"
    objects = np.array([{}], dtype=object)
    np.savez(path, images=GREY[None], labels=np.zeros((1, 1)), objects=objects)
    assert reason in reason_of(path, selector)


def test_npz_cut_off_or_damaged(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "a.npz", images=fakes.ramp(50, 50)[None])
    whole = (tmp_path / "a.npz").read_bytes()
    (tmp_path / "a.npz").write_bytes(whole[:-30])
    assert "npz file is damaged" in reason_of(tmp_path / "a.npz", "images[0]")
    (tmp_path / "a.npz").write_bytes(whole[:900] + bytes([whole[900] ^ 1]) + whole[901:])
    assert "npz file is damaged" in reason_of(tmp_path / "a.npz", "images[0]")


def test_a_png_has_no_parts(tmp_path: Path) -> None:
    path = fakes.write_image(tmp_path / "a.png", GREY)
    assert "a PNG file holds one film" in reason_of(path, "images[0]")


@pytest.mark.data
@pytest.mark.skipif("LIGHTBOX_DATA" not in os.environ, reason="LIGHTBOX_DATA is not set")
def test_jsrt_lungs_are_darker_than_what_surrounds_them() -> None:
    root = Path(os.environ["LIGHTBOX_DATA"]) / "jsrt"
    pixels = read_xray(root / "images" / "JPCLN001.png").pixels[::2, ::2]
    lung = np.asarray(Image.open(root / "masks" / "left_lung" / "JPCLN001.png")) > 0
    assert pixels[lung].mean() < pixels[~lung].mean()
