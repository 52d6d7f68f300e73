"""Volumes in a user's table: files of any format, folders of DICOM series, channels, candidates."""

import numpy as np
import pytest
from fakes import csv_table, volume_files
from pydantic import ValidationError

from datamodules.candidates import VolumeCandidate, selected_candidate
from datamodules.case_files import CaseFiles
from datamodules.errors import DataError
from datamodules.problems import Kind
from datamodules.readers.csv_table import CsvReader
from datamodules.transforms.volume_reading import read_volume

VOXELS, AFFINE = volume_files.voxels(4, 5, 3), np.eye(4)
UIDS = ("1.2.840.1.4610", "1.2.840.1.8910")


@pytest.fixture
def root(tmp_path):
    """NIfTI files, a folder with one series, and one with two."""
    for name in ("a", "b", "a_t2", "b_t2"):
        volume_files.write_nifti(tmp_path / f"{name}.nii.gz", VOXELS + len(name))
    volume_files.write_series(tmp_path / "one" / "ct", VOXELS, AFFINE, uid=UIDS[0])
    for uid in UIDS:
        volume_files.write_series(tmp_path / "two" / uid, VOXELS, AFFINE, uid=uid)
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.txt").touch()
    return tmp_path


def read(root, columns, *rows, **settings):
    csv_table.write_table(root / "labels.csv", columns, list(rows))
    return CsvReader(root=str(root), **settings).read()


def problems(*arguments, **settings):
    with pytest.raises(DataError) as caught:
        read(*arguments, **settings)
    return caught.value.problems


def test_files_and_folders_of_series_are_cases(root):
    rows = [("a.nii.gz", 0), ("one", 1), ("one/ct/", 1)]
    table = read(root, ("path", "label"), *rows)
    assert [(case.case_id, str(case.inputs["image"])) for case in table.cases] == [
        ("a", "a.nii.gz"),
        ("one", "one"),
        ("ct", "one/ct"),
    ]


def test_every_suffix_of_a_volume_is_stripped_whole(root):
    names = ("c.NII.GZ", "d.nii", "e.nrrd", "f.mha", "g.mhd", "h.tif", "i.x.nii.gz", "1.2.840")
    for name in names:
        (root / name).touch()
    table = read(root, ("path", "label"), *((name, n % 2) for n, name in enumerate(names)))
    assert [case.case_id for case in table.cases] == [*"cdefgh", "i.x", "1.2.840"]


def test_a_folder_without_dicom_files_is_told(root):
    found = problems(root, ("path", "label"), ("notes", 0), ("gone", 1), ("a.nii.gz", 1))
    assert found == (
        "row 2, case 'notes': notes is a folder without DICOM files; name a file in it",
        "row 3, case 'gone': there is no file gone",
    )


def test_series_of_a_folder_are_told_by_a_column(root):
    rows = [("two", UIDS[0], 0), ("two", UIDS[1], 1), ("one", "", 1)]
    table = read(root, ("path", "series", "label"), *rows, series_column="series")
    assert [case.case_id for case in table.cases] == ["two_4610", "two_8910", "one"]
    source = table.cases[1].inputs["image"]
    assert str(source) == f"two:{UIDS[1]}"
    assert read_volume(root / source.path, source.selector).spatial == (4, 5, 3)
    assert table.cases[2].inputs["image"].selector is None
    assert [case.patient_id for case in table.cases] == ["two", "two", "one"]


def test_a_series_that_is_none_is_named(root):
    rows = [("two", "1.2E+20", 0), ("a.nii.gz", UIDS[0], 1)]
    assert problems(root, ("path", "uid", "label"), *rows, series_column="uid") == (
        "row 2, case 'two': column 'uid' is '1.2E+20', no SeriesInstanceUID of digits and dots",
        "row 3, case 'a': column 'uid' names a series, and a.nii.gz is a file",
    )


def test_channels_are_further_inputs_on_the_grid_of_the_image(root):
    rows = [("a.nii.gz", "a_t2.nii.gz", 0), ("b.nii.gz", "b_t2.nii.gz", 1)]
    table = read(root, ("path", "t2", "label"), *rows, channel_columns=("t2",))
    case = table.cases[0]
    assert [(name, str(source)) for name, source in case.inputs.items()] == [
        ("image", "a.nii.gz"),
        ("t2", "a_t2.nii.gz"),
    ]
    image = CaseFiles(case, table.root).read_image()
    np.testing.assert_array_equal(image.array, np.stack([VOXELS + 1, VOXELS + 4]))


def test_a_channel_that_is_not_there_is_named_with_its_column(root):
    rows = [("a.nii.gz", "gone.nii", 0), ("b.nii.gz", "", 1)]
    csv_table.write_table(root / "labels.csv", ("path", "t2", "label"), rows)
    reading = CsvReader(root=str(root), channel_columns=("t2",)).examine()
    assert list(map(str, reading.problems)) == [
        "row 2, case 'a': column 't2': there is no file gone.nii",
        "row 3, case 'b': column 't2': the path is empty",
    ]
    assert [problem.kind for problem in reading.problems] == [Kind.MISSING, Kind.PATH]
    assert [list(case.inputs) for case in reading.table.cases] == [["image"], ["image"]]


def test_points_in_volumes_are_cases(root):
    rows = [("a.nii.gz", 0, -60.5, 20, 100), ("a.nii.gz", 1, 1, 2, 3), ("b.nii.gz", 1, 4, 5, 6)]
    table = read(
        root,
        ("path", "label", "x", "y", "z"),
        *rows,
        candidate_columns=("x", "y", "z"),
        candidate_space="lps-mm",
    )
    assert [case.case_id for case in table.cases] == ["a_1", "a_2", "b_1"]
    source = table.cases[0].inputs["image"]
    assert str(source) == "a.nii.gz:box lps-mm -60.5 20 100"
    assert selected_candidate(source) == VolumeCandidate("lps-mm", (-60.5, 20, 100))
    assert [case.patient_id for case in table.cases] == ["a.nii.gz", "a.nii.gz", "b.nii.gz"]


def test_boxes_in_series_with_channels_keep_all_that_selects_them(root):
    columns = ("path", "series", "t2", "label", *"ijkabc")
    rows = [("two", uid, "one", n, 1, 2, 0, 2, 2, 1) for n, uid in enumerate(UIDS)]
    settings = {"series_column": "series", "channel_columns": ("t2",)}
    table = read(root, columns, *rows, candidate_columns=tuple("ijkabc"), **settings)
    case = table.cases[1]
    assert case.case_id == "two_8910_1"
    assert {name: source.selector for name, source in case.inputs.items()} == {
        "image": f"{UIDS[1]} box voxel 1 2 0 2 2 1",
        "t2": "box voxel 1 2 0 2 2 1",
    }


def test_a_place_outside_every_volume_is_named(root):
    rows = [("a.nii.gz", 0, -1, 2, 3), ("a.nii.gz", 1, 1, 2, 3)]
    (found,) = problems(root, ("path", "label", *"ijk"), *rows, candidate_columns=tuple("ijk"))
    assert found == "row 2, case 'a_1': i, j, k: -1, 2, 3 lie outside every image"


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"candidate_columns": tuple("abcde")}, "three of a point, or six of a box"),
        ({"candidate_columns": tuple("ab"), "candidate_space": "ras-mm"}, "is of volumes"),
        ({"candidate_space": "lps-mm"}, "is of volumes"),
        ({"candidate_columns": tuple("ab"), "series_column": "s"}, "series_column is of volumes"),
        ({"channel_columns": ("t2", "t2")}, "something twice, or the image"),
        ({"channel_columns": ("path",)}, "something twice, or the image"),
        ({"channel_columns": ("image",)}, "cannot be called 'image'"),
    ],
)
def test_settings_that_do_not_fit_together_are_refused(settings, says):
    with pytest.raises(ValidationError, match=says):
        CsvReader(**settings)


def test_columns_that_are_not_there_are_named(root):
    found = problems(
        root,
        ("path", "label", "serie"),
        ("a.nii.gz", 0, ""),
        series_column="series",
        channel_columns=("t2",),
    )
    assert "column 'series' is missing; did you mean 'serie'?" in found
    assert "column 't2' is missing" in found


def test_candidates_of_one_series_look_for_its_files_once(root, monkeypatch):
    looked = []
    below = "datamodules.readers.image_files.ImageFiles._files_below"
    monkeypatch.setattr(below, lambda _, folder: looked.append(folder) or ["one/ct/000-0.dcm"])
    rows = [("one", n % 2, 1, 2, 0) for n in range(50)]
    read(root, ("path", "label", *"ijk"), *rows, candidate_columns=tuple("ijk"))
    assert looked == ["one"]
