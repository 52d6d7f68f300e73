"""DICOM films: grey values as the standard defines them, and reasons for what is not read."""

import os
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from fakes import xray_files as fakes
from PIL import Image
from pydicom import DataElement, dcmread, dcmwrite
from pydicom.datadict import tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.encaps import encapsulate
from pydicom.pixels.processing import apply_modality_lut, apply_voi_lut, apply_windowing
from pydicom.tag import Tag
from pydicom.uid import (
    MPEG2MPML,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    RLELossless,
)

from datamodules.errors import DataError
from datamodules.transforms.xray_reading import XrayPixels, read_xray

STORED = fakes.ramp(bits=12)


def shown(film: XrayPixels) -> np.ndarray:
    """Grey values in 0..1, as they go into preprocessing."""
    return np.clip((film.pixels - film.low) / (film.high - film.low), 0, 1)


def read(folder: Path, pixels: np.ndarray = STORED, bits: int = 12, **elements: Any) -> XrayPixels:
    return read_xray(fakes.write_dicom(folder / "film.dcm", pixels, bits, **elements))


def reason_of(folder: Path, pixels: np.ndarray = STORED, **elements: Any) -> str:
    with pytest.raises(DataError) as error:
        read(folder, pixels, **elements)
    assert "\n" not in str(error.value)
    return str(error.value)


def reference(pixels: np.ndarray, **elements: Any) -> np.ndarray:
    """What pydicom makes of the film, scaled to 0..1 by the range that the standard gives."""
    dataset = fakes.dicom(pixels, **elements)
    shown = apply_voi_lut(apply_modality_lut(pixels, dataset), dataset)
    low, high = apply_windowing(np.array([-1e5, 1e5]), dataset)
    return (shown - low) / (high - low)


def test_without_a_window_the_bits_stored_are_the_range(tmp_path: Path) -> None:
    film = read(tmp_path)
    assert (film.low, film.high, film.bits, film.pixels.dtype) == (0, 4095, 12, np.uint16)
    np.testing.assert_array_equal(film.pixels, STORED)


def test_signed_values_and_rescale(tmp_path: Path) -> None:
    stored = (STORED.astype(np.int16) - 2048).astype(np.int16)
    film = read(tmp_path, stored, RescaleSlope="2", RescaleIntercept="-100")
    assert (film.low, film.high) == (-2048 * 2 - 100, 2047 * 2 - 100)
    np.testing.assert_array_equal(film.pixels, stored * 2.0 - 100)


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
@pytest.mark.parametrize("slope", [None, "0.5"])
def test_the_first_window_agrees_with_pydicom(tmp_path: Path, function: str, slope: str) -> None:
    elements: dict[str, Any] = {
        "WindowCenter": ["1500.5", "100"],
        "WindowWidth": ["1001", "10"],
        "VOILUTFunction": function,
    }
    if slope:
        elements.update(RescaleSlope=slope, RescaleIntercept="40")
    film = read(tmp_path, **elements)
    np.testing.assert_allclose(shown(film), reference(STORED, **elements), atol=1e-6)


def test_a_12_bit_window_by_hand(tmp_path: Path) -> None:
    """PS3.3 C.11.2.1.2.1: centre 2048, width 4096 shows 0 as black and 4095 as white."""
    film = read(tmp_path, WindowCenter="2048", WindowWidth="4096")
    np.testing.assert_allclose(shown(film), STORED / 4095, atol=1e-6)


def test_monochrome1_is_inverted(tmp_path: Path) -> None:
    elements: dict[str, Any] = {"WindowCenter": "1500", "WindowWidth": "1001"}
    straight = shown(read(tmp_path, **elements))
    inverted = shown(read(tmp_path, **elements, PhotometricInterpretation="MONOCHROME1"))
    np.testing.assert_allclose(inverted, 1 - straight, atol=1e-6)
    plain = read(tmp_path, PhotometricInterpretation="MONOCHROME1")
    np.testing.assert_array_equal(plain.pixels, 4095 - STORED)


def test_a_negative_slope_darkens_what_is_stored_brighter(tmp_path: Path) -> None:
    film = read(
        tmp_path,
        RescaleSlope="-1",
        RescaleIntercept="4095",
        WindowCenter="2048",
        WindowWidth="4096",
    )
    np.testing.assert_allclose(shown(film), 1 - STORED / 4095, atol=1e-6)


def test_a_voi_lut_comes_before_the_window(tmp_path: Path) -> None:
    table = (np.arange(3000) // 3).astype(np.uint16)
    item = fakes.look_up_table(table, first=500, bits=10)
    film = read(tmp_path, VOILUTSequence=[item], WindowCenter="1", WindowWidth="2")
    assert (film.low, film.high) == (0, 1023)
    np.testing.assert_array_equal(film.pixels, table[np.clip(STORED.astype(int) - 500, 0, 2999)])


def test_a_voi_lut_of_4096_entries_and_8_bits_does_not_wrap(tmp_path: Path) -> None:
    item = fakes.look_up_table(np.arange(4096) // 16, first=0, bits=8)
    film = read(tmp_path, VOILUTSequence=[item])
    np.testing.assert_array_equal(film.pixels, STORED // 16)
    assert film.high == 255


def test_a_modality_lut_is_applied(tmp_path: Path) -> None:
    table = np.arange(4096)[::-1]
    item = fakes.look_up_table(table, first=0, bits=16)
    item.ModalityLUTType = "US"
    film = read(tmp_path, ModalityLUTSequence=[item])
    np.testing.assert_array_equal(film.pixels, 4095 - STORED)


def test_unused_high_bits_are_ignored(tmp_path: Path) -> None:
    overlay = STORED | np.uint16(0xB000)
    np.testing.assert_array_equal(read(tmp_path, overlay).pixels, STORED)


def test_values_in_the_upper_bits_are_shifted_down(tmp_path: Path) -> None:
    film = read(tmp_path, STORED << 4, HighBit=15)
    np.testing.assert_array_equal(film.pixels, STORED)


def test_films_of_8_bits_and_odd_length(tmp_path: Path) -> None:
    grey = fakes.ramp(3, 5)
    film = read(tmp_path, grey, bits=8)
    assert (film.high, film.bits) == (255, 8)
    np.testing.assert_array_equal(film.pixels, grey)


def test_rgb_becomes_luma(tmp_path: Path) -> None:
    grey = fakes.ramp()
    film = read(tmp_path, np.repeat(grey[..., None], 3, axis=2), bits=8)
    np.testing.assert_array_equal(film.pixels, grey)


def test_spacing_is_rows_then_columns(tmp_path: Path) -> None:
    assert read(tmp_path, ImagerPixelSpacing=["0.2", "0.1"]).spacing_mm == (0.2, 0.1)
    calibrated = read(tmp_path, ImagerPixelSpacing=["0.2", "0.1"], PixelSpacing=["0.18", "0.09"])
    assert calibrated.spacing_mm == (0.18, 0.09)
    assert read(tmp_path, PixelSpacing=["0", "0"]).spacing_mm is None


def test_rle_is_decoded(tmp_path: Path) -> None:
    dataset = fakes.dicom(STORED)
    dataset.compress(RLELossless)
    dataset.save_as(tmp_path / "a.dcm")
    np.testing.assert_array_equal(read_xray(tmp_path / "a.dcm").pixels, STORED)


def test_jpeg_2000_is_decoded(tmp_path: Path) -> None:
    stored = fakes.ramp(64, 64, bits=12)
    encoded = imagecodecs.jpeg2k_encode(stored, codecformat="j2k", bitspersample=12)
    film = read(tmp_path, stored, **compressed(JPEG2000Lossless, encoded))
    np.testing.assert_array_equal(film.pixels, stored)


def test_baseline_jpeg_is_decoded(tmp_path: Path) -> None:
    smooth = np.tile(np.arange(0, 240, 10, dtype=np.uint8), (16, 1))
    jpeg = fakes.write_image(tmp_path / "a.jpg", Image.fromarray(smooth), quality=98).read_bytes()
    film = read(tmp_path, smooth, bits=8, **compressed(JPEGBaseline8Bit, jpeg))
    np.testing.assert_allclose(film.pixels, smooth, atol=2)


def compressed(syntax: str, *frames: bytes) -> dict[str, Any]:
    """Elements that replace the pixel data of a film by compressed frames."""
    meta = fakes.dicom(STORED).file_meta
    meta.TransferSyntaxUID = syntax
    return {"file_meta": meta, "PixelData": encapsulate(list(frames))}


def test_big_endian_is_read(tmp_path: Path) -> None:
    dataset = fakes.dicom(STORED)
    dataset.PixelData = STORED.astype(">u2").tobytes()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
    dataset["PixelData"].VR = "OW"
    dcmwrite(tmp_path / "a.dcm", dataset, implicit_vr=False, little_endian=False)
    np.testing.assert_array_equal(read_xray(tmp_path / "a.dcm").pixels, STORED)


# Films that are not read.


def test_no_pixel_data(tmp_path: Path) -> None:
    assert reason_of(tmp_path, PixelData=None) == "the DICOM file has no pixel data, or is cut off"


@pytest.mark.parametrize("excess", [-2, 2])
def test_pixel_data_of_another_length_than_declared(tmp_path: Path, excess: int) -> None:
    content = bytes(STORED.nbytes + excess)
    expected = f"{STORED.nbytes + excess} bytes where {STORED.nbytes} are declared"
    assert expected in reason_of(tmp_path, PixelData=content)


def test_a_dicom_file_cut_off_anywhere(tmp_path: Path) -> None:
    whole = fakes.write_dicom(tmp_path / "a.dcm", STORED).read_bytes()
    for length in range(132, len(whole), 3):
        (tmp_path / "b.dcm").write_bytes(whole[:length])
        with pytest.raises(DataError):
            read_xray(tmp_path / "b.dcm")


def test_a_missing_element_is_named(tmp_path: Path) -> None:
    assert "lacks Rows, BitsStored" in reason_of(tmp_path, Rows=None, BitsStored=None)


@pytest.mark.parametrize(
    ("elements", "reason"),
    [
        ({"NumberOfFrames": 3}, "has 3 frames"),
        ({"PhotometricInterpretation": "PALETTE COLOR"}, "'PALETTE COLOR' with 1 samples"),
        ({"PhotometricInterpretation": "RGB"}, "'RGB' with 1 samples"),
        ({"Rows": 60_000, "Columns": 60_000}, "60000 x 60000 pixels"),
        ({"BitsStored": 17}, "17 bits stored in 16 allocated"),
        ({"BitsAllocated": 32}, "in 32 allocated"),
        ({"WindowCenter": "100", "WindowWidth": "0"}, "leaves no grey values"),
        ({"WindowCenter": "9", "WindowWidth": "9", "VOILUTFunction": "CUBIC"}, "is not one of"),
        ({"VOILUTSequence": [fakes.look_up_table(np.arange(9), 0, 99)]}, "VOI LUT declares"),
    ],
)
def test_what_is_not_a_film(tmp_path: Path, elements: dict[str, Any], reason: str) -> None:
    assert reason in reason_of(tmp_path, **elements)


@pytest.mark.parametrize("syntax", [MPEG2MPML, DeflatedExplicitVRLittleEndian])
def test_an_encoding_that_is_not_read_is_named(tmp_path: Path, syntax: str) -> None:
    reason = reason_of(tmp_path, **compressed(syntax, b"1234"))
    assert "MPEG2" in reason or "deflated" in reason


@pytest.mark.parametrize(
    "elements",
    [
        {"PhotometricInterpretation": "DOE^JANE"},
        {"VOILUTFunction": "DOE^JANE"},
        {"RescaleSlope": "1", "RescaleIntercept": "DOE^JANE"},
        {"NumberOfFrames": "DOE^JANE"},
    ],
)
def test_no_header_value_is_quoted(tmp_path: Path, elements: dict[str, Any]) -> None:
    path = fakes.write_dicom(tmp_path / "film.dcm", STORED, WindowCenter="9", WindowWidth="9")
    dataset = dcmread(path)
    for name, value in elements.items():
        tag, text = Tag(tag_for_keyword(name)), value.encode()
        dataset[tag] = RawDataElement(tag, "LO", len(text), text, 0, False, True)
    dataset.save_as(path)
    with pytest.raises(DataError) as error:
        read_xray(path)
    assert "DOE" not in str(error.value)
    assert error.value.__cause__ is None


def test_a_size_that_is_text_is_refused_unquoted(tmp_path: Path) -> None:
    path = fakes.write_dicom(tmp_path / "film.dcm", STORED, 12)
    dataset = dcmread(path)
    dataset[0x0028, 0x0010] = DataElement(0x00280010, "LO", "DOE^JANE")
    dataset.save_as(path)
    with pytest.raises(DataError, match="the DICOM file has no whole number in Rows"):
        read_xray(path)


def test_a_missing_decoder_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pydicom.pixels.decoders import JPEG2000LosslessDecoder

    monkeypatch.setattr(JPEG2000LosslessDecoder, "_available", {})
    reason = reason_of(tmp_path, **compressed(JPEG2000Lossless, b"1234"))
    assert "'JPEG 2000 Image Compression (Lossless Only)'" in reason
    assert "pip install python-gdcm" in reason


def test_damaged_compressed_data(tmp_path: Path) -> None:
    assert "damaged" in reason_of(tmp_path, **compressed(JPEG2000Lossless, b"1234"))


@pytest.mark.data
@pytest.mark.skipif("LIGHTBOX_DATA" not in os.environ, reason="LIGHTBOX_DATA is not set")
def test_a_real_mri_slice_agrees_with_pydicom() -> None:
    path = min((Path(os.environ["LIGHTBOX_DATA"]) / "mri_t1_t2_dicom").rglob("*.dcm"))
    dataset = dcmread(path)
    expected = apply_voi_lut(apply_modality_lut(dataset.pixel_array, dataset), dataset)
    low, high = apply_windowing(np.array([-1e5, 1e5]), dataset)
    np.testing.assert_allclose(shown(read_xray(path)), (expected - low) / (high - low), atol=1e-6)
