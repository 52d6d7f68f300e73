"""Which series a folder has, by headers alone."""

from pathlib import Path

import numpy as np
import pytest
from fakes import volume_files as fakes
from fakes import xray_files
from pydicom.uid import DeflatedExplicitVRLittleEndian

from datamodules.errors import DataError
from datamodules.transforms.dicom_series import find_series, series_in

ARRAY = fakes.voxels(5, 6, 4)


def write(folder: Path, slices: int, uid: str) -> Path:
    return fakes.write_series(folder, ARRAY[:, :, :slices], np.eye(4), uid=uid)


def test_images_are_counted_by_series_however_deep(tmp_path: Path) -> None:
    write(tmp_path / "a", 2, "1.2.5")
    write(tmp_path / "b" / "c", 4, "1.2.4")
    fakes.write_report(tmp_path / "report.dcm")
    (tmp_path / "note.txt").write_text("no image")
    xray_files.write_dicom(tmp_path / "seg.dcm", ARRAY[:, :, 0], Modality="SEG")
    assert series_in(tmp_path) == {"1.2.4": 4, "1.2.5": 2}
    assert len(find_series(tmp_path, "1.2.5")) == 2


def test_a_folder_without_images_has_no_series(tmp_path: Path) -> None:
    fakes.write_report(tmp_path / "report.dcm")
    assert series_in(tmp_path) == {}
    with pytest.raises(DataError, match="no DICOM images"):
        find_series(tmp_path)


def test_of_many_series_the_first_are_named(tmp_path: Path) -> None:
    for number in range(12):
        write(tmp_path / str(number), 1, f"1.2.{number + 10}")
    with pytest.raises(DataError, match=r"1\.2\.19 \(1 images\) and 2 more; name one by its"):
        find_series(tmp_path)


def test_a_deflated_file_is_not_inflated(tmp_path: Path) -> None:
    dataset = xray_files.dicom(ARRAY[:, :, 0])
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    dataset.save_as(tmp_path / "a.dcm")
    with pytest.raises(DataError, match=r"'a\.dcm': a deflated DICOM file is not read"):
        series_in(tmp_path)
