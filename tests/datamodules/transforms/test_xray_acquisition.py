import pytest
from fakes import xray_files

from datamodules.transforms.xray_acquisition import Acquisition, read_acquisition

PIXELS = xray_files.ramp(20, 30, bits=12)


def test_spacing_and_view_come_from_the_header(tmp_path):
    elements = {"ImagerPixelSpacing": [0.2, 0.1], "ViewPosition": "PA"}
    path = xray_files.write_dicom(tmp_path / "film.dcm", PIXELS, **elements)
    assert read_acquisition(path) == Acquisition((0.2, 0.1), "PA")


def test_header_without_them_says_nothing(tmp_path):
    path = xray_files.write_dicom(tmp_path / "film.dcm", PIXELS)
    assert read_acquisition(path) == Acquisition()


def test_view_that_is_no_defined_term_is_not_taken(tmp_path):
    path = xray_files.write_dicom(tmp_path / "film.dcm", PIXELS, ViewPosition="JANE DOE")
    assert read_acquisition(path).view is None


@pytest.mark.parametrize(
    "content", [b"", b"\x89PNG\r\n\x1a\n" + bytes(200), bytes(128) + b"DICM\0"]
)
def test_nothing_is_known_of_other_and_of_damaged_files(tmp_path, content):
    path = tmp_path / "film"
    path.write_bytes(content)
    assert read_acquisition(path) == Acquisition()
    assert read_acquisition(tmp_path / "nowhere") == Acquisition()
