import shutil

import nibabel
import numpy as np
import pytest
from fakes.labelled_volumes import volume_experiment

from datamodules.doctor.volumes import examine_volumes
from datamodules.problems import Kind


@pytest.fixture
def config(tmp_path):
    return volume_experiment(tmp_path, cases=24).data


def change(path, edit):
    image = nibabel.load(path)
    nibabel.save(nibabel.Nifti1Image(edit(np.array(image.dataobj)), image.affine), path)


def with_nan(voxels):
    voxels[3, 3, 3] = np.nan
    return voxels


def test_clean_dataset_has_no_problem(config):
    found = examine_volumes(config, pixels=True)
    assert found.by_kind("error") == found.by_kind("warning") == {}
    assert len(found.images) == 24


def test_every_fault_is_found_in_one_report(config, tmp_path):
    cut = (tmp_path / "v01.nii.gz").read_bytes()
    (tmp_path / "v01.nii.gz").write_bytes(cut[: len(cut) // 2])
    flipped = bytearray((tmp_path / "v02.nii.gz").read_bytes())
    flipped[len(flipped) // 2] ^= 4
    (tmp_path / "v02.nii.gz").write_bytes(flipped)
    change(tmp_path / "v03.nii.gz", with_nan)
    (tmp_path / "v04.nii.gz").unlink()
    change(tmp_path / "v05.nii.gz", lambda voxels: np.stack([voxels, voxels], axis=-1))
    change(tmp_path / "v06.nii.gz", np.zeros_like)
    shutil.copy(tmp_path / "v08.nii.gz", tmp_path / "v20.nii.gz")
    table = tmp_path / "volumes.csv"
    table.write_text(table.read_text().replace("v09.nii.gz,p04,ball", "v09.nii.gz,p04,bal"))
    found = examine_volumes(config, pixels=True)
    errors = {kind: [str(each) for each in own] for kind, own in found.by_kind("error").items()}
    assert errors.keys() == {Kind.MISSING, Kind.UNREADABLE, Kind.LABEL}
    for case, reason in (
        ("v01", "compressed stream is cut off"),
        ("v02", "compressed stream is damaged"),
        ("v03", "1 voxels are NaN or infinite"),
        ("v05", "2 channels, and most have 3 axes and 1 channels"),
    ):
        assert any(case in each and reason in each for each in errors[Kind.UNREADABLE]), case
    assert "v04" in errors[Kind.MISSING][0]
    assert "did you mean 'ball'" in errors[Kind.LABEL][0]
    warnings = found.by_kind("warning")
    assert [each.case_id for each in warnings[Kind.BLANK]] == ["v06"]
    assert any(kind in warnings for kind in (Kind.COPIES, Kind.COPIES_ACROSS))


def test_quick_look_opens_no_volume(config, tmp_path):
    (tmp_path / "v01.nii.gz").write_bytes(b"nothing")
    found = examine_volumes(config, pixels=False)
    assert found.by_kind("error") == {}
    assert found.images is None
