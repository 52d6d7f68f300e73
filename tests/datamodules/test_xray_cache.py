"""What X-rays cannot be made of is refused before anything is cached."""

import numpy as np
import pytest
from fakes import csv_table, volume_files

from datamodules.configs.xrays import XrayPreprocessing, XraysConfig
from datamodules.errors import DataError
from datamodules.readers.csv_table import CsvReader
from datamodules.readers.folder import FolderReader
from datamodules.xray_cache import cache_xrays

ROWS = [("a.nii.gz", "b.nii.gz", 0, 1, 2, 3), ("b.nii.gz", "a.nii.gz", 1, 1, 2, 3)]


@pytest.fixture
def root(tmp_path):
    for name in ("a", "b"):
        volume_files.write_nifti(tmp_path / f"{name}.nii.gz", volume_files.voxels(4, 5, 3))
    csv_table.write_table(tmp_path / "labels.csv", ("path", "t2", "label", *"ijk"), ROWS)
    return tmp_path


def refusal(reader):
    config = XraysConfig(reader=reader, preprocessing=XrayPreprocessing(size=8))
    with pytest.raises(DataError) as error:
        cache_xrays(reader.read(), config)
    return str(error.value)


def test_a_volume_is_no_film(root):
    says = refusal(CsvReader(root=str(root)))
    assert "case 'a' (file a.nii.gz): it is not a PNG, JPEG, TIFF, DICOM or npz file" in says
    assert "case 'b' (file b.nii.gz)" in says


def test_a_series_is_no_film(tmp_path):
    for label in ("ill", "well"):
        volume_files.write_series(tmp_path / label / label, volume_files.voxels(4, 5, 3), np.eye(4))
    assert "case 'ill' (file ill/ill): it cannot be read: Is a directory" in refusal(
        FolderReader(root=str(tmp_path))
    )


def test_a_place_in_a_volume_is_none_in_a_film(root):
    says = refusal(CsvReader(root=str(root), candidate_columns=tuple("ijk")))
    assert "case 'a_1' (file a.nii.gz:box voxel 1 2 3)" in says


def test_a_film_has_one_channel(root):
    says = refusal(CsvReader(root=str(root), channel_columns=("t2",)))
    assert says.startswith("the cases of labels have several channels, and an X-ray has one")
